// A deferral that arms itself runs once in each pass, and such a pass does not block.
#include "../test.h"

static struct evpl_deferral deferral;
static int ran;

static void
run(struct evpl *evpl, void *unused)
{
    (void) unused;
    CHECK_EQ(deferral.armed, 0);
    if (++ran < 50) {
        evpl_defer(evpl, &deferral);
    }
}

int
main(void)
{
    struct evpl *evpl;
    uint64_t start;

    test_init();
    evpl = test_evpl_with(0, 1000, 1000);
    evpl_deferral_init(&deferral, run, NULL);
    evpl_defer(evpl, &deferral);
    start = test_now_ns();
    for (int i = 1; i <= 50; i++) {
        evpl_continue(evpl);
        CHECK_EQ(ran, i);
    }
    CHECK(test_now_ns() - start < 1000000000ULL);
    evpl_destroy(evpl);
    return 0;
}
