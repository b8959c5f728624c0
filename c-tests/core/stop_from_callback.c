// evpl_run returns after the pass in which the loop was stopped, and that pass is completed.
#include "../test.h"

static struct evpl_deferral deferral;
static int deferred, iterations;

static void
later(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    deferred++;
}

static void
fire(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) timer;
    evpl_stop(evpl);
    evpl_stop(evpl);
    evpl_defer(evpl, &deferral);
}

static void
iteration_end(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    if (deferred) {
        iterations++;
    }
}

int
main(void)
{
    struct evpl_loop_hooks hooks = { .iteration_end = iteration_end };
    struct evpl_timer timer;
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    evpl_deferral_init(&deferral, later, NULL);
    evpl_set_loop_hooks(evpl, &hooks);
    evpl_add_oneshot_timer(evpl, &timer, fire, 1000);
    evpl_run(evpl);
    CHECK_EQ(deferred, 1);
    CHECK_EQ(iterations, 1);
    evpl_run(evpl);
    CHECK_EQ(iterations, 1);
    evpl_continue(evpl);
    CHECK_EQ(iterations, 2);
    evpl_destroy(evpl);
    return 0;
}
