// matrix: mech
// In poll mode timers are looked at once in poll_iterations + 1 passes.
#include "../test.h"

static int fired, polled;

static void
poll_once(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    polled++;
}

static void
fire(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    (void) timer;
    fired++;
}

int
main(void)
{
    struct evpl_timer timer;
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl_with(1, 7, -1);
    evpl_add_poll(evpl, NULL, NULL, poll_once, NULL);
    evpl_continue(evpl);
    evpl_add_oneshot_timer(evpl, &timer, fire, 0);
    RUN_PASSES(evpl, 7);
    CHECK(fired == 0 && polled == 7);
    evpl_continue(evpl);
    CHECK(fired == 1 && polled == 7);
    evpl_destroy(evpl);
    return 0;
}
