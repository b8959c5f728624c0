// A doorbell that was rung and then removed is silent.
#include "../test.h"

static void
never(struct evpl *evpl, struct evpl_doorbell *doorbell)
{
    (void) evpl;
    (void) doorbell;
    CHECK(0);
}

int
main(void)
{
    struct evpl_doorbell *doorbell = test_page_alloc();
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    evpl_add_doorbell(evpl, doorbell, never);
    evpl_ring_doorbell(doorbell);
    evpl_remove_doorbell(evpl, doorbell);
    test_page_free(doorbell);
    RUN_PASSES(evpl, 4);
    evpl_destroy(evpl);
    return 0;
}
