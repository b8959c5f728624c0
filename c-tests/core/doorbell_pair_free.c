// Of two doorbells rung together the first to run frees both; a third is not skipped.
#include "../test.h"

static struct evpl_doorbell *pair[2];
static int pair_rung, third_rung;

static void
ring(struct evpl *evpl, struct evpl_doorbell *doorbell)
{
    (void) doorbell;
    pair_rung++;
    for (int i = 0; i < 2; i++) {
        evpl_remove_doorbell(evpl, pair[i]);
        test_page_free(pair[i]);
    }
}

static void
ring_third(struct evpl *evpl, struct evpl_doorbell *doorbell)
{
    (void) evpl;
    (void) doorbell;
    third_rung++;
}

int
main(void)
{
    struct evpl_doorbell third;
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    for (int place = 0; place < 3; place++) {
        pair_rung = third_rung = 0;
        pair[0]   = test_page_alloc();
        pair[1]   = test_page_alloc();
        for (int i = 0; i < 3; i++) {
            if (i == place) {
                evpl_add_doorbell(evpl, &third, ring_third);
                evpl_ring_doorbell(&third);
            } else {
                evpl_add_doorbell(evpl, pair[i > place ? i - 1 : i], ring);
                evpl_ring_doorbell(pair[i > place ? i - 1 : i]);
            }
        }
        RUN_UNTIL(evpl, pair_rung == 1 && third_rung == 1, 1000);
        evpl_ring_doorbell(&third);
        RUN_UNTIL(evpl, third_rung == 2, 1000);
        CHECK_EQ(pair_rung, 1);
        evpl_remove_doorbell(evpl, &third);
    }
    evpl_destroy(evpl);
    return 0;
}
