// No descriptor the library makes is inherited by a program that is executed.
#include "../test.h"

static void
ring(struct evpl *evpl, struct evpl_doorbell *doorbell)
{
    (void) evpl;
    (void) doorbell;
}

int
main(void)
{
    struct evpl_doorbell doorbell;
    struct evpl_thread *thread;
    struct evpl *evpl;
    int seen = 0;

    test_init();
    evpl = test_evpl();
    evpl_add_doorbell(evpl, &doorbell, ring);
    thread = evpl_thread_create(NULL, NULL, NULL, NULL);
    RUN_PASSES(evpl, 2);
    for (int fd = 3; fd < 256; fd++) {
        char path[64], name[256] = { 0 };

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (readlink(path, name, sizeof(name) - 1) > 0 && strstr(name, "anon_inode")) {
            seen++;
            CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        }
    }
    CHECK(seen >= 3);
    evpl_thread_destroy(thread);
    evpl_remove_doorbell(evpl, &doorbell);
    evpl_destroy(evpl);
    return 0;
}
