// Destroying a loop with everything still registered leaves no descriptor behind and calls nothing.
#include "../test.h"

static int destroyed;
static struct evpl_timer timers[3];
static struct evpl_deferral deferral;
static struct evpl_doorbell doorbells[5];
static struct evpl_fd_event event;

static void
on_timer(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    (void) timer;
    CHECK(!destroyed);
}

static void
on_doorbell(struct evpl *evpl, struct evpl_doorbell *doorbell)
{
    (void) evpl;
    (void) doorbell;
    CHECK(!destroyed);
}

static void
on_read(struct evpl *evpl, struct evpl_fd_event *fd_event)
{
    (void) evpl;
    (void) fd_event;
    CHECK(!destroyed);
}

static void
on_private(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    CHECK(!destroyed);
}

int
main(void)
{
    struct evpl *keeper, *evpl;
    int fds[2], before;

    test_init();
    keeper = test_evpl();
    CHECK(pipe2(fds, O_NONBLOCK) == 0);
    CHECK_EQ(write(fds[1], "a", 1), 1);
    evpl_deferral_init(&deferral, on_private, NULL);
    before = test_fd_count();
    for (int round = 0; round < 3; round++) {
        struct evpl_loop_hooks hooks = { on_private, on_private, on_private, NULL };

        evpl      = test_evpl();
        destroyed = 0;
        for (int i = 0; i < 3; i++) {
            evpl_add_timer(evpl, &timers[i], on_timer, 100);
        }
        for (int i = 0; i < 5; i++) {
            evpl_add_doorbell(evpl, &doorbells[i], on_doorbell);
            evpl_ring_doorbell(&doorbells[i]);
        }
        evpl_add_fd_event(evpl, &event, fds[0], on_read, NULL, NULL);
        evpl_fd_event_read_interest(evpl, &event);
        evpl_add_poll(evpl, on_private, on_private, on_private, NULL);
        evpl_set_loop_hooks(evpl, &hooks);
        RUN_PASSES(evpl, round * 3);
        deferral.armed = 0;
        evpl_defer(evpl, &deferral);
        evpl_destroy(evpl);
        destroyed = 1;
        CHECK_EQ(test_fd_count(), before);
        CHECK(fcntl(fds[0], F_GETFD) >= 0);
    }
    test_sleep_ms(2);
    RUN_PASSES(keeper, 3);
    evpl_destroy(keeper);
    return 0;
}
