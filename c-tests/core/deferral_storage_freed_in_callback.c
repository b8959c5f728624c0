// A deferral is disarmed before its callback, which may free it.
#include "../test.h"

static int ran;

static void
run(struct evpl *evpl, void *self)
{
    (void) evpl;
    ran++;
    test_page_free(self);
}

int
main(void)
{
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    for (int i = 0; i < 10; i++) {
        struct evpl_deferral *deferral = test_page_alloc();

        memset(deferral, 0, sizeof(*deferral));
        evpl_deferral_init(deferral, run, deferral);
        evpl_defer(evpl, deferral);
    }
    RUN_PASSES(evpl, 3);
    CHECK_EQ(ran, 10);
    evpl_destroy(evpl);
    return 0;
}
