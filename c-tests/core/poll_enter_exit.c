// matrix: mech
// Poll mode: enter before the first call, calls only between, exit once idle beyond spin_ns.
#include "../test.h"

static int entered, left, polled, private_data;

static void
enter(struct evpl *evpl, void *data)
{
    (void) evpl;
    CHECK(data == &private_data);
    CHECK_EQ(entered, left);
    entered++;
}

static void
leave(struct evpl *evpl, void *data)
{
    (void) evpl;
    CHECK(data == &private_data);
    left++;
    CHECK_EQ(entered, left);
}

static void
poll_once(struct evpl *evpl, void *data)
{
    (void) evpl;
    CHECK(data == &private_data);
    CHECK_EQ(entered, left + 1);
    polled++;
}

int
main(void)
{
    struct evpl *evpl;
    struct evpl_poll *handle;

    test_init_virtual();
    evpl   = test_evpl_with(1, 10, -1);
    handle = evpl_add_poll(evpl, enter, leave, poll_once, &private_data);
    CHECK(handle != NULL);
    evpl_continue(evpl);
    CHECK(entered == 1 && left == 0 && polled == 0);
    for (int round = 1; round <= 3; round++) {
        RUN_PASSES(evpl, 10);
        CHECK_EQ(polled, round * 10);
        evpl_continue(evpl);
        CHECK_EQ(polled, round * 10);
    }

    evpl_virtual_clock_advance(1000000);
    RUN_PASSES(evpl, 11);
    CHECK_EQ(left, 0);
    evpl_virtual_clock_advance(1);
    RUN_PASSES(evpl, 11);
    CHECK_EQ(left, 1);
    polled = 0;
    RUN_PASSES(evpl, 20);
    CHECK_EQ(polled, 0);
    CHECK(entered == 1 && left == 1);

    evpl_activity(evpl);
    evpl_continue(evpl);
    CHECK(entered == 2 && left == 1 && polled == 0);
    evpl_continue(evpl);
    CHECK_EQ(polled, 1);
    evpl_remove_poll(evpl, handle);
    RUN_PASSES(evpl, 30);
    CHECK(polled == 1 && entered == 2 && left == 1);
    evpl_destroy(evpl);
    return 0;
}
