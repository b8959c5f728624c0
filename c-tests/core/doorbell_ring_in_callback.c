// A ring during the callback gives another callback, in a later pass.
#include "../test.h"

static int rung, pass, rung_in[2];

static void
ring(struct evpl *evpl, struct evpl_doorbell *doorbell)
{
    (void) evpl;
    rung_in[rung++] = pass;
    if (rung == 1) {
        evpl_ring_doorbell(doorbell);
    }
}

int
main(void)
{
    struct evpl_doorbell doorbell;
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    evpl_add_doorbell(evpl, &doorbell, ring);
    evpl_ring_doorbell(&doorbell);
    for (pass = 0; pass < 10; pass++) {
        evpl_continue(evpl);
    }
    CHECK_EQ(rung, 2);
    CHECK(rung_in[1] > rung_in[0]);
    evpl_remove_doorbell(evpl, &doorbell);
    evpl_destroy(evpl);
    return 0;
}
