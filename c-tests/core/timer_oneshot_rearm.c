// A one-shot is unregistered before its callback, which may add it again.
#include "../test.h"

static int fired;

static void
fire(struct evpl *evpl, struct evpl_timer *timer)
{
    if (++fired < 3) {
        evpl_add_oneshot_timer(evpl, timer, fire, 1000);
    }
}

int
main(void)
{
    struct evpl_timer timer;
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl();
    evpl_add_oneshot_timer(evpl, &timer, fire, 1000);
    for (int i = 1; i <= 5; i++) {
        evpl_virtual_clock_advance(1000000);
        evpl_continue(evpl);
        CHECK_EQ(fired, i < 3 ? i : 3);
    }
    evpl_remove_timer(evpl, &timer);
    evpl_destroy(evpl);
    return 0;
}
