// Missed periods are not made up: one late firing, then a full interval after the callback.
#include "../test.h"

static int fired;
static uint64_t work_ns;

static void
fire(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    (void) timer;
    fired++;
    evpl_virtual_clock_advance(work_ns);
}

int
main(void)
{
    struct evpl_timer timer;
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl();
    evpl_add_timer(evpl, &timer, fire, 1000);
    evpl_virtual_clock_advance(10500000);
    RUN_PASSES(evpl, 10);
    CHECK_EQ(fired, 1);
    evpl_virtual_clock_advance(999999);
    RUN_PASSES(evpl, 2);
    CHECK_EQ(fired, 1);
    work_ns = 700000;
    evpl_virtual_clock_advance(1);
    RUN_PASSES(evpl, 2);
    CHECK_EQ(fired, 2);
    evpl_virtual_clock_advance(999999);
    RUN_PASSES(evpl, 2);
    CHECK_EQ(fired, 2);
    evpl_virtual_clock_advance(1);
    evpl_continue(evpl);
    CHECK_EQ(fired, 3);
    evpl_remove_timer(evpl, &timer);
    evpl_destroy(evpl);
    return 0;
}
