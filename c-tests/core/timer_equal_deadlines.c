// Timers of one deadline all fire in one scan, also when each adds another with that interval.
#include "../test.h"

#define COUNT 100

static struct evpl_timer timers[COUNT], added[COUNT];
static int fired[COUNT], added_fired;

static void
fire_added(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    (void) timer;
    added_fired++;
}

static void
fire(struct evpl *evpl, struct evpl_timer *timer)
{
    int i = (int) (timer - timers);

    if (fired[i]++ == 0) {
        evpl_add_oneshot_timer(evpl, &added[i], fire_added, 1000);
    }
}

int
main(void)
{
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl();
    for (int i = 0; i < COUNT; i++) {
        evpl_add_timer(evpl, &timers[i], fire, 1000);
    }
    for (int round = 1; round <= 3; round++) {
        evpl_virtual_clock_advance(1000000);
        evpl_continue(evpl);
        for (int i = 0; i < COUNT; i++) {
            CHECK_EQ(fired[i], round);
        }
        CHECK_EQ(added_fired, round == 1 ? 0 : COUNT);
    }
    evpl_destroy(evpl);
    return 0;
}
