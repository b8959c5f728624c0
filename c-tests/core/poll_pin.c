// matrix: mech
// A pin keeps poll mode on beyond spin_ns, and re-enters it; the last unpin lets it go.
#include "../test.h"

static int entered, left, polled;

static void
enter(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    entered++;
}

static void
leave(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    left++;
}

static void
poll_once(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    polled++;
}

int
main(void)
{
    struct evpl *evpl;
    struct evpl_poll *handle;

    test_init_virtual();
    evpl   = test_evpl_with(1, 5, -1);
    handle = evpl_add_poll(evpl, enter, leave, poll_once, NULL);
    evpl_poll_pin(evpl);
    evpl_poll_pin(evpl);
    evpl_virtual_clock_advance(100000000);
    RUN_PASSES(evpl, 12);
    CHECK(entered == 1 && left == 0);
    CHECK_EQ(polled, 10);
    evpl_poll_unpin(evpl);
    evpl_virtual_clock_advance(100000000);
    RUN_PASSES(evpl, 12);
    CHECK(entered == 1 && left == 0);
    evpl_poll_unpin(evpl);
    RUN_PASSES(evpl, 12);
    CHECK(entered == 1 && left == 1);
    polled = 0;
    evpl_poll_pin(evpl);
    RUN_PASSES(evpl, 12);
    CHECK(entered == 2 && left == 1 && polled >= 9);
    evpl_poll_unpin(evpl);
    evpl_remove_poll(evpl, handle);
    evpl_destroy(evpl);
    return 0;
}
