// Adding a registered timer again restarts it: there is one firing, at the new deadline.
#include "../test.h"

static int first_fired, second_fired;

static void
fire_first(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    (void) timer;
    first_fired++;
}

static void
fire_second(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    (void) timer;
    second_fired++;
}

int
main(void)
{
    struct evpl_timer timer;
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl();
    evpl_add_timer(evpl, &timer, fire_first, 1000);
    evpl_virtual_clock_advance(600000);
    evpl_continue(evpl);
    evpl_add_oneshot_timer(evpl, &timer, fire_second, 1000);
    evpl_virtual_clock_advance(600000);
    RUN_PASSES(evpl, 3);
    CHECK(first_fired == 0 && second_fired == 0);
    evpl_virtual_clock_advance(400000);
    RUN_PASSES(evpl, 3);
    CHECK(first_fired == 0 && second_fired == 1);
    evpl_virtual_clock_advance(10000000);
    RUN_PASSES(evpl, 3);
    CHECK(first_fired == 0 && second_fired == 1);
    evpl_destroy(evpl);
    return 0;
}
