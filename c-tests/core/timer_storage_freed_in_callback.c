// A one-shot's storage belongs to the caller again from its callback on.
#include "../test.h"

static int fired;

static void
fire(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    fired++;
    test_page_free(timer);
}

int
main(void)
{
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl();
    for (int i = 0; i < 20; i++) {
        evpl_add_oneshot_timer(evpl, test_page_alloc(), fire, (uint64_t) (i % 3));
    }
    evpl_virtual_clock_advance(10000);
    RUN_PASSES(evpl, 5);
    CHECK_EQ(fired, 20);
    evpl_destroy(evpl);
    return 0;
}
