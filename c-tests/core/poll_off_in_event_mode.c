// matrix: mech
// With poll_mode 0 no poll callback is ever called, pins and activity included.
#include "../test.h"

static void
never(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    CHECK(0);
}

int
main(void)
{
    struct evpl *evpl;
    struct evpl_poll *handle;

    test_init_virtual();
    evpl   = test_evpl_with(0, 1000, -1);
    handle = evpl_add_poll(evpl, never, never, never, NULL);
    evpl_poll_pin(evpl);
    for (int i = 0; i < 20; i++) {
        evpl_activity(evpl);
        evpl_virtual_clock_advance(500000);
        evpl_continue(evpl);
    }
    evpl_poll_unpin(evpl);
    evpl_remove_poll(evpl, handle);
    evpl_destroy(evpl);
    return 0;
}
