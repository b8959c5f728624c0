// matrix: none
// link: none
// cflags: -O1
// The library can be loaded, used, unloaded and loaded again; nothing of it stays behind.
#include <dlfcn.h>

#include "../test.h"

/* The process's state stays for late callers, which a leak checker cannot know once the library is
 * gone. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
    return "detect_leaks=0";
}

static int fired;
static void (*stop)(struct evpl *evpl);

static void
fire(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) timer;
    fired++;
    stop(evpl);
}

int
main(void)
{
    const char *path = getenv("EVPL_TEST_LIBRARY");
    int before       = test_fd_count();

    CHECK(path != NULL);
    for (int round = 1; round <= 4; round++) {
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        struct evpl_timer timer;
        struct evpl_iovec iovec;
        struct evpl *evpl;

        CHECK(library != NULL);
#define LOAD(name) __typeof__(&name) p_##name = (__typeof__(&name)) dlsym(library, #name)
        LOAD(evpl_init);
        LOAD(evpl_create);
        LOAD(evpl_destroy);
        LOAD(evpl_run);
        LOAD(evpl_stop);
        LOAD(evpl_add_oneshot_timer);
        LOAD(evpl_iovec_alloc);
        stop = p_evpl_stop;
        p_evpl_init(NULL);
        evpl = p_evpl_create(NULL);
        p_evpl_add_oneshot_timer(evpl, &timer, fire, 100);
        p_evpl_run(evpl);
        CHECK_EQ(fired, round);
        CHECK_EQ(p_evpl_iovec_alloc(evpl, 100, 0, 1, 0, &iovec), 1);
        evpl_iovec_release(evpl, &iovec);
        p_evpl_destroy(evpl);
        CHECK(dlclose(library) == 0);
        CHECK(dlopen(path, RTLD_NOW | RTLD_NOLOAD) == NULL);
        CHECK_EQ(test_fd_count(), before);
    }
    return 0;
}
