// Within one scan timers fire in the order of their deadlines.
#include "../test.h"

#define COUNT 64

static struct evpl_timer timers[COUNT];
static uint64_t last;
static int fired;

static void
fire(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    CHECK(timer->interval >= last);
    last = timer->interval;
    fired++;
}

int
main(void)
{
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl();
    for (int i = 0; i < COUNT; i++) {
        evpl_add_oneshot_timer(evpl, &timers[i], fire, (uint64_t) (i * 37 % COUNT) + 1);
    }
    evpl_virtual_clock_advance(COUNT * 1000);
    evpl_continue(evpl);
    CHECK_EQ(fired, COUNT);
    evpl_destroy(evpl);
    return 0;
}
