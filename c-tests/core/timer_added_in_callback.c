// A timer added by a timer's callback fires at its own deadline.
#include "../test.h"

static struct evpl_timer inner;
static int outer_fired, inner_fired;

static void
fire_inner(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    (void) timer;
    inner_fired++;
}

static void
fire_outer(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) timer;
    outer_fired++;
    evpl_add_oneshot_timer(evpl, &inner, fire_inner, 500);
}

int
main(void)
{
    struct evpl_timer outer;
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl();
    evpl_add_oneshot_timer(evpl, &outer, fire_outer, 1000);
    evpl_virtual_clock_advance(1000000);
    RUN_PASSES(evpl, 3);
    CHECK(outer_fired == 1 && inner_fired == 0);
    evpl_virtual_clock_advance(499999);
    RUN_PASSES(evpl, 3);
    CHECK(outer_fired == 1 && inner_fired == 0);
    evpl_virtual_clock_advance(1);
    evpl_continue(evpl);
    CHECK(outer_fired == 1 && inner_fired == 1);
    evpl_destroy(evpl);
    return 0;
}
