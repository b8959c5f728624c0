// An armed deferral is run at once, although the loop may wait.
#include "../test.h"

static struct evpl_deferral deferral;
static int ran;

static void
run(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    ran++;
}

int
main(void)
{
    struct evpl *evpl;
    uint64_t start;

    test_init();
    evpl = test_evpl_with(!test_event_mode(), 1000, -1);
    evpl_deferral_init(&deferral, run, NULL);
    start = test_now_ns();
    for (int i = 1; i <= 20; i++) {
        evpl_defer(evpl, &deferral);
        evpl_continue(evpl);
        CHECK_EQ(ran, i);
    }
    CHECK(test_now_ns() - start < 1000000000ULL);
    evpl_destroy(evpl);
    return 0;
}
