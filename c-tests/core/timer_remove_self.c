// A periodic timer that removes itself is gone, and no other timer goes with it.
#include "../test.h"

static int self_fired, other_fired;

static void
fire_self(struct evpl *evpl, struct evpl_timer *timer)
{
    self_fired++;
    evpl_remove_timer(evpl, timer);
    test_page_free(timer);
}

static void
fire_other(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    (void) timer;
    other_fired++;
}

int
main(void)
{
    struct evpl_timer *self = test_page_alloc();
    struct evpl_timer other;
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl();
    evpl_add_timer(evpl, self, fire_self, 1000);
    evpl_add_timer(evpl, &other, fire_other, 1500);
    for (int i = 0; i < 30; i++) {
        evpl_virtual_clock_advance(500000);
        evpl_continue(evpl);
    }
    CHECK_EQ(self_fired, 1);
    CHECK_EQ(other_fired, 10);
    evpl_remove_timer(evpl, &other);
    evpl_destroy(evpl);
    return 0;
}
