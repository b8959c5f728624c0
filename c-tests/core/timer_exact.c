// On the virtual clock a timer fires at its deadline to the nanosecond, in the next pass, once.
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

    memset(&timer, 0xaa, sizeof(timer));
    test_init_virtual();
    evpl = test_evpl();
    evpl_virtual_clock_advance(12345);
    evpl_add_oneshot_timer(evpl, &timer, fire, 1000);
    RUN_PASSES(evpl, 5);
    CHECK_EQ(fired, 0);
    evpl_virtual_clock_advance(999999);
    RUN_PASSES(evpl, 5);
    CHECK_EQ(fired, 0);
    evpl_virtual_clock_advance(1);
    CHECK_EQ(fired, 0);
    evpl_continue(evpl);
    CHECK_EQ(fired, 1);
    evpl_virtual_clock_advance(100000000);
    RUN_PASSES(evpl, 5);
    CHECK_EQ(fired, 1);
    evpl_destroy(evpl);
    return 0;
}
