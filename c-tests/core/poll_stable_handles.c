// matrix: mech
// A handle names its poll until that poll is removed, whatever else is removed before.
#include "../test.h"

#define COUNT 300

static int polled[COUNT];

static void
poll_once(struct evpl *evpl, void *counter)
{
    (void) evpl;
    ++*(int *) counter;
}

int
main(void)
{
    struct evpl_poll *handles[COUNT];
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl_with(1, 1000, -1);
    for (int i = 0; i < COUNT; i++) {
        handles[i] = evpl_add_poll(evpl, NULL, NULL, poll_once, &polled[i]);
    }
    RUN_PASSES(evpl, 2);
    for (int i = 0; i < COUNT; i++) {
        CHECK_EQ(polled[i], 1);
    }
    for (int i = 0; i < COUNT; i += 2) {
        evpl_remove_poll(evpl, handles[i]);
    }
    evpl_continue(evpl);
    for (int i = 0; i < COUNT; i++) {
        CHECK_EQ(polled[i], i % 2 == 0 ? 1 : 2);
    }
    for (int i = 1; i < COUNT - 1; i += 2) {
        evpl_remove_poll(evpl, handles[i]);
    }
    evpl_continue(evpl);
    for (int i = 0; i < COUNT - 1; i++) {
        CHECK_EQ(polled[i], i % 2 == 0 ? 1 : 2);
    }
    CHECK_EQ(polled[COUNT - 1], 3);
    evpl_remove_poll(evpl, handles[COUNT - 1]);
    RUN_PASSES(evpl, 3);
    CHECK_EQ(polled[COUNT - 1], 3);
    evpl_destroy(evpl);
    return 0;
}
