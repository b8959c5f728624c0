// Hooks set inside a hook hold from the next hook point on.
#include "../test.h"

static int post_waits, ends;

static void
post_wait(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    post_waits++;
}

static void
iteration_end(struct evpl *evpl, void *unused)
{
    (void) unused;
    ends++;
    evpl_set_loop_hooks(evpl, NULL);
}

static void
pre_wait(struct evpl *evpl, void *unused)
{
    struct evpl_loop_hooks hooks = { iteration_end, NULL, post_wait, NULL };

    (void) unused;
    evpl_set_loop_hooks(evpl, &hooks);
}

int
main(void)
{
    struct evpl_loop_hooks hooks = { NULL, pre_wait, NULL, NULL };
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl();
    evpl_set_loop_hooks(evpl, &hooks);
    evpl_continue(evpl);
    CHECK(post_waits == 1 && ends == 1);
    RUN_PASSES(evpl, 3);
    CHECK(post_waits == 1 && ends == 1);
    evpl_destroy(evpl);
    return 0;
}
