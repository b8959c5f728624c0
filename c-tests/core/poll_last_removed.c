// matrix: mech
// When the last poll goes the loop waits again; a poll added later is entered again.
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
    struct evpl_global_config *config = test_config();
    struct evpl *evpl;
    struct evpl_poll *handle;
    uint64_t start;

    /* So that a slow machine does not idle out of poll mode first. */
    evpl_global_config_set_spin_ns(config, 10000000000ULL);
    evpl_init(config);
    evpl   = test_evpl_with(1, 1000, 20);
    handle = evpl_add_poll(evpl, enter, leave, poll_once, NULL);
    RUN_UNTIL(evpl, polled >= 3, 1000);
    evpl_remove_poll(evpl, handle);
    polled = 0;
    RUN_PASSES(evpl, 2);
    start = test_now_ns();
    RUN_PASSES(evpl, 5);
    CHECK(test_now_ns() - start >= 80000000ULL);
    CHECK(polled == 0 && entered == 1 && left == 0);

    handle = evpl_add_poll(evpl, enter, leave, poll_once, NULL);
    evpl_activity(evpl);
    RUN_UNTIL(evpl, polled >= 3, 1000);
    CHECK_EQ(entered, 2);
    evpl_remove_poll(evpl, handle);
    evpl_destroy(evpl);
    return 0;
}
