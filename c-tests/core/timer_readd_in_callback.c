// A periodic timer that re-adds itself with another interval in its callback keeps the new one.
#include "../test.h"

static int fired;

static void
fire(struct evpl *evpl, struct evpl_timer *timer)
{
    fired++;
    evpl_add_timer(evpl, timer, fire, 5000);
}

int
main(void)
{
    struct evpl_timer timer;
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl();
    evpl_add_timer(evpl, &timer, fire, 1000);
    evpl_virtual_clock_advance(1000000);
    RUN_PASSES(evpl, 2);
    CHECK_EQ(fired, 1);
    evpl_virtual_clock_advance(4999999);
    RUN_PASSES(evpl, 2);
    CHECK_EQ(fired, 1);
    evpl_virtual_clock_advance(1);
    RUN_PASSES(evpl, 2);
    CHECK_EQ(fired, 2);
    evpl_remove_timer(evpl, &timer);
    evpl_destroy(evpl);
    return 0;
}
