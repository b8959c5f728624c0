// A loop stopped before evpl_run makes no pass.
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
    struct evpl_loop_hooks hooks = { .iteration_end = never };
    struct evpl *evpl;

    test_init();
    evpl = test_evpl_with(1, 1000, -1);
    evpl_set_loop_hooks(evpl, &hooks);
    evpl_stop(evpl);
    evpl_run(evpl);
    evpl_run(evpl);
    evpl_set_loop_hooks(evpl, NULL);
    evpl_destroy(evpl);
    return 0;
}
