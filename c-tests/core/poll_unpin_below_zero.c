// matrix: mech
// One unpin too many is reported and does not count: a later pin still pins.
#include "../test.h"

static int left;

static void
leave(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    left++;
}

static void
poll_once(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
}

int
main(void)
{
    struct evpl *evpl;

    test_log_capture();
    test_init_virtual();
    evpl = test_evpl_with(1, 5, -1);
    evpl_add_poll(evpl, NULL, leave, poll_once, NULL);
    evpl_poll_unpin(evpl);
    CHECK_EQ(test_log_errors, 1);
    evpl_poll_pin(evpl);
    evpl_virtual_clock_advance(100000000);
    RUN_PASSES(evpl, 20);
    CHECK_EQ(left, 0);
    evpl_destroy(evpl);
    return 0;
}
