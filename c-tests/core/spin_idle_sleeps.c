// matrix: mech mode
// After a burst of traffic a loop sleeps again: an idle second costs next to no processor time.
#include "../test.h"

static int rung;

static void
on_ring(struct evpl *evpl, struct evpl_doorbell *doorbell)
{
    (void) evpl, (void) doorbell;
    rung++;
}

static void
on_timer(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl, (void) timer;
}

int
main(void)
{
    struct evpl         *evpl;
    struct evpl_doorbell doorbell;
    struct evpl_timer    timer;
    uint64_t             before;

    test_init();
    evpl = test_evpl();
    evpl_add_doorbell(evpl, &doorbell, on_ring);
    for (int burst = 0; burst < 1000; burst++) {
        evpl_ring_doorbell(&doorbell);
        evpl_continue(evpl);
    }
    CHECK(rung > 0);
    before = test_cpu_ns();
    /* The timer bounds the wait; it is no traffic. */
    for (int tick = 0; tick < 10; tick++) {
        evpl_add_oneshot_timer(evpl, &timer, on_timer, 100000);
        evpl_continue(evpl);
    }
    CHECK(test_cpu_ns() - before < 50000000);
    evpl_remove_timer(evpl, &timer);
    evpl_remove_doorbell(evpl, &doorbell);
    evpl_destroy(evpl);
    return 0;
}
