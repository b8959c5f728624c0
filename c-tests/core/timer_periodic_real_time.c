// A 1 ms timer fires at least ten times on the real clock, and not faster than it should.
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
    uint64_t start;

    test_init();
    evpl  = test_evpl();
    start = test_now_ns();
    evpl_add_timer(evpl, &timer, fire, 1000);
    RUN_UNTIL(evpl, fired >= 10, 5000);
    CHECK(test_now_ns() - start >= 10000000ULL);
    evpl_remove_timer(evpl, &timer);
    evpl_destroy(evpl);
    return 0;
}
