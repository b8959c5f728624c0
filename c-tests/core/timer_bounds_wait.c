// A loop that may wait for ever wakes for its timer, soon after the deadline, without spinning.
#include "../test.h"

static uint64_t fired_at;

static void
fire(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) timer;
    fired_at = test_now_ns();
    evpl_stop(evpl);
}

static void
run(int wait_ms)
{
    struct evpl *evpl = test_evpl_with(!test_event_mode(), 1000, wait_ms);
    struct evpl_timer timer;
    uint64_t start = test_now_ns(), cpu = test_cpu_ns();

    fired_at = 0;
    evpl_add_oneshot_timer(evpl, &timer, fire, 100000);
    evpl_run(evpl);
    CHECK(fired_at - start >= 100000000ULL);
    CHECK(fired_at - start < 1000000000ULL);
    CHECK(test_cpu_ns() - cpu < 50000000ULL);
    evpl_destroy(evpl);
}

int
main(void)
{
    test_init();
    run(-1);
    run(-7);
    run(5000);
    return 0;
}
