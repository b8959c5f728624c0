// evpl_destroy drops what is armed without running it.
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
    static struct evpl_deferral deferral;
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    evpl_deferral_init(&deferral, never, NULL);
    evpl_defer(evpl, &deferral);
    evpl_destroy(evpl);
    return 0;
}
