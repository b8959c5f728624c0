// matrix: mech
// A poll added in poll mode is called without an enter; one removed in it gets no exit.
#include "../test.h"

static int entered[2], left[2], polled[2];

static void
enter(struct evpl *evpl, void *index)
{
    (void) evpl;
    entered[*(int *) index]++;
}

static void
leave(struct evpl *evpl, void *index)
{
    (void) evpl;
    left[*(int *) index]++;
}

static void
poll_once(struct evpl *evpl, void *index)
{
    (void) evpl;
    polled[*(int *) index]++;
}

int
main(void)
{
    static int zero = 0, one = 1;
    struct evpl_poll *first, *second;
    struct evpl *evpl;

    test_init_virtual();
    evpl  = test_evpl_with(1, 1000, -1);
    first = evpl_add_poll(evpl, enter, leave, poll_once, &zero);
    RUN_PASSES(evpl, 2);
    second = evpl_add_poll(evpl, enter, leave, poll_once, &one);
    RUN_PASSES(evpl, 3);
    CHECK(entered[0] == 1 && entered[1] == 0);
    CHECK(polled[0] == 4 && polled[1] == 3);
    evpl_remove_poll(evpl, first);
    evpl_virtual_clock_advance(100000000);
    RUN_PASSES(evpl, 1100);
    CHECK(left[0] == 0 && left[1] == 1);
    evpl_remove_poll(evpl, second);
    evpl_destroy(evpl);
    return 0;
}
