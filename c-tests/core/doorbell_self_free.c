// A doorbell may remove and free itself in its callback; a later one is still delivered.
#include "../test.h"

static int rung, later_rung;

static void
ring(struct evpl *evpl, struct evpl_doorbell *doorbell)
{
    rung++;
    evpl_remove_doorbell(evpl, doorbell);
    test_page_free(doorbell);
}

static void
ring_later(struct evpl *evpl, struct evpl_doorbell *doorbell)
{
    (void) evpl;
    (void) doorbell;
    later_rung++;
}

int
main(void)
{
    struct evpl_doorbell later;
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    evpl_add_doorbell(evpl, &later, ring_later);
    for (int i = 1; i <= 5; i++) {
        struct evpl_doorbell *doorbell = test_page_alloc();

        evpl_add_doorbell(evpl, doorbell, ring);
        evpl_ring_doorbell(doorbell);
        evpl_ring_doorbell(&later);
        RUN_UNTIL(evpl, rung == i && later_rung == i, 1000);
    }
    evpl_remove_doorbell(evpl, &later);
    evpl_destroy(evpl);
    return 0;
}
