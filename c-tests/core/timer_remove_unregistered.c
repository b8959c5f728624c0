// Removing a timer that is not registered does nothing, and does not look into its storage.
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
    struct evpl_timer *never = test_page_alloc(), *done = test_page_alloc();
    struct evpl_timer twice;
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl();
    evpl_add_oneshot_timer(evpl, done, fire, 1);
    evpl_virtual_clock_advance(1000);
    evpl_continue(evpl);
    CHECK_EQ(fired, 1);
    test_page_free(never);
    test_page_free(done);
    evpl_remove_timer(evpl, never);
    evpl_remove_timer(evpl, done);
    evpl_add_timer(evpl, &twice, fire, 1);
    evpl_remove_timer(evpl, &twice);
    evpl_remove_timer(evpl, &twice);
    evpl_virtual_clock_advance(1000000);
    RUN_PASSES(evpl, 3);
    CHECK_EQ(fired, 1);
    evpl_destroy(evpl);
    return 0;
}
