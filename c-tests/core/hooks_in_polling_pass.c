// matrix: mech
// A polling pass runs iteration_end but neither wait hook.
#include "../test.h"

static int waits, ends;

static void
count_wait(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    waits++;
}

static void
count_end(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    ends++;
}

static void
poll_once(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
}

int
main(void)
{
    struct evpl_loop_hooks hooks = { count_end, count_wait, count_wait, NULL };
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl_with(1, 9, -1);
    evpl_add_poll(evpl, NULL, NULL, poll_once, NULL);
    evpl_set_loop_hooks(evpl, &hooks);
    RUN_PASSES(evpl, 30);
    CHECK_EQ(ends, 30);
    CHECK_EQ(waits, 6);
    evpl_destroy(evpl);
    return 0;
}
