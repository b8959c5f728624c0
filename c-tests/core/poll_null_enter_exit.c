// matrix: mech
// Enter and exit callbacks are optional.
#include "../test.h"

static int polled;

static void
poll_once(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    polled++;
}

int
main(void)
{
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl_with(1, 5, -1);
    evpl_add_poll(evpl, NULL, NULL, poll_once, NULL);
    RUN_PASSES(evpl, 3);
    CHECK_EQ(polled, 2);
    evpl_virtual_clock_advance(100000000);
    RUN_PASSES(evpl, 20);
    CHECK_EQ(polled, 5);
    evpl_destroy(evpl);
    return 0;
}
