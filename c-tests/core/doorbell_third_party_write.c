// Anyone who holds the descriptor rings by writing eight bytes to it.
#include "../test.h"

static int rung;

static void
ring(struct evpl *evpl, struct evpl_doorbell *doorbell)
{
    (void) evpl;
    (void) doorbell;
    rung++;
}

int
main(void)
{
    struct evpl_doorbell doorbell;
    struct evpl *evpl;
    uint64_t one = 1, value;
    int fd;

    test_init();
    evpl = test_evpl();
    evpl_add_doorbell(evpl, &doorbell, ring);
    fd = evpl_doorbell_fd(&doorbell);
    CHECK(fd >= 0);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    for (int i = 1; i <= 3; i++) {
        CHECK_EQ(write(fd, &one, sizeof(one)), 8);
        RUN_UNTIL(evpl, rung == i, 1000);
        RUN_PASSES(evpl, 2);
        CHECK_EQ(rung, i);
    }
    evpl_ring_doorbell(&doorbell);
    evpl_ring_doorbell(&doorbell);
    CHECK_EQ(read(fd, &value, sizeof(value)), 8);
    CHECK_EQ(value, 2);
    evpl_remove_doorbell(evpl, &doorbell);
    CHECK(fcntl(fd, F_GETFD) == -1 && errno == EBADF);
    evpl_destroy(evpl);
    return 0;
}
