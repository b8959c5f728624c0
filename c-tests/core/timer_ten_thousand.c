// There is no bound on the number of timers: 10,000 each fire when they should.
#include "../test.h"

#define COUNT 10000

static struct evpl_timer timers[COUNT];
static int fired[COUNT], total;

static void
fire(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    fired[timer - timers]++;
    total++;
}

int
main(void)
{
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl();
    for (int i = 0; i < COUNT; i++) {
        evpl_add_oneshot_timer(evpl, &timers[i], fire, (uint64_t) (i * 7919 % COUNT) + 1);
    }
    for (int i = 0; i < COUNT; i += 2) {
        evpl_remove_timer(evpl, &timers[i]);
    }
    for (int step = 1; step <= 10; step++) {
        evpl_virtual_clock_advance((uint64_t) COUNT / 10 * 1000);
        evpl_continue(evpl);
        for (int i = 0; i < COUNT; i++) {
            CHECK_EQ(fired[i], i % 2 == 1 && i * 7919 % COUNT < step * COUNT / 10);
        }
    }
    CHECK_EQ(total, COUNT / 2);
    evpl_destroy(evpl);
    return 0;
}
