// An interval beyond the range of the clock is the far future, not the past.
#include "../test.h"

static int fired, sane_fired;

static void
fire(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    (void) timer;
    fired++;
}

static void
fire_sane(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    (void) timer;
    sane_fired++;
}

int
main(void)
{
    struct evpl_timer far[3], sane;
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl();
    evpl_virtual_clock_advance(1000000000);
    evpl_add_timer(evpl, &far[0], fire, UINT64_MAX);
    evpl_add_oneshot_timer(evpl, &far[1], fire, UINT64_MAX / 1000 + 1);
    evpl_add_oneshot_timer(evpl, &far[2], fire, UINT64_MAX / 1000);
    evpl_add_oneshot_timer(evpl, &sane, fire_sane, 10);
    evpl_virtual_clock_advance(3600000000000ULL);
    RUN_PASSES(evpl, 5);
    CHECK_EQ(fired, 0);
    CHECK_EQ(sane_fired, 1);
    evpl_destroy(evpl);
    return 0;
}
