// All rings between two dispatches are one callback; each later ring gives another.
#include "../test.h"

static int rung;

static void
ring(struct evpl *evpl, struct evpl_doorbell *doorbell)
{
    (void) evpl;
    (void) doorbell;
    rung++;
}

int
main(void)
{
    struct evpl_doorbell doorbell;
    struct evpl *evpl;

    memset(&doorbell, 0xaa, sizeof(doorbell));
    test_init();
    evpl = test_evpl();
    evpl_add_doorbell(evpl, &doorbell, ring);
    RUN_PASSES(evpl, 3);
    CHECK_EQ(rung, 0);
    for (int i = 1; i <= 5; i++) {
        evpl_ring_doorbell(&doorbell);
        evpl_ring_doorbell(&doorbell);
        evpl_ring_doorbell(&doorbell);
        CHECK_EQ(rung, i - 1);
        RUN_PASSES(evpl, 4);
        CHECK_EQ(rung, i);
    }
    evpl_remove_doorbell(evpl, &doorbell);
    evpl_destroy(evpl);
    return 0;
}
