// matrix: none
// expect: exit 134 stderr=evpl_destroy
// Destroying a loop from one of its own callbacks is the caller's bug.
#include "../test.h"

static void
fire(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) timer;
    evpl_destroy(evpl);
}

int
main(void)
{
    struct evpl_timer timer;
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    evpl_add_oneshot_timer(evpl, &timer, fire, 0);
    RUN_PASSES(evpl, 3);
    return 0;
}
