// A ring whose count does not fit counts as delivered.
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
    uint64_t full = UINT64_MAX - 1;

    test_init();
    evpl = test_evpl();
    evpl_add_doorbell(evpl, &doorbell, ring);
    CHECK_EQ(write(evpl_doorbell_fd(&doorbell), &full, sizeof(full)), 8);
    evpl_ring_doorbell(&doorbell);
    evpl_ring_doorbell(&doorbell);
    RUN_UNTIL(evpl, rung == 1, 1000);
    RUN_PASSES(evpl, 2);
    CHECK_EQ(rung, 1);
    evpl_remove_doorbell(evpl, &doorbell);
    evpl_destroy(evpl);
    return 0;
}
