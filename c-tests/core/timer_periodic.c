// A periodic timer fires once in each interval until it is removed.
#include "../test.h"

static int fired;

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
    evpl = test_evpl();
    evpl_add_timer(evpl, &timer, fire, 1000);
    for (int i = 0; i < 50; i++) {
        evpl_virtual_clock_advance(999999);
        RUN_PASSES(evpl, 2);
        CHECK_EQ(fired, i);
        evpl_virtual_clock_advance(1);
        RUN_PASSES(evpl, 2);
        CHECK_EQ(fired, i + 1);
    }
    evpl_remove_timer(evpl, &timer);
    evpl_virtual_clock_advance(10000000);
    RUN_PASSES(evpl, 5);
    CHECK_EQ(fired, 50);
    evpl_destroy(evpl);
    return 0;
}
