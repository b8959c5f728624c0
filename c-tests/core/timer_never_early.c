// On the real clock no timer fires before its deadline, whether wait_ms is shorter or longer.
#include "../test.h"

#define COUNT 40

static struct evpl_timer timers[COUNT];
static uint64_t due[COUNT];
static int fired;

static void
fire(struct evpl *evpl, struct evpl_timer *timer)
{
    CHECK(test_now_ns() >= due[timer - timers]);
    if (++fired == COUNT) {
        evpl_stop(evpl);
    }
}

static void
run(int wait_ms)
{
    struct evpl *evpl = test_evpl_with(!test_event_mode(), 1000, wait_ms);

    fired = 0;
    for (int i = 0; i < COUNT; i++) {
        uint64_t delay_us = (uint64_t) (i * 1237 % 30000) + 300;

        /* Read before the call, so the real deadline is no earlier than this. */
        due[i] = test_now_ns() + delay_us * 1000;
        evpl_add_oneshot_timer(evpl, &timers[i], fire, delay_us);
    }
    evpl_run(evpl);
    CHECK_EQ(fired, COUNT);
    evpl_destroy(evpl);
}

int
main(void)
{
    test_init();
    run(-1);
    run(1);
    run(1000);
    run(0);
    return 0;
}
