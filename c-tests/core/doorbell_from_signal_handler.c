// A signal handler may ring, and the interrupted wait is a normal pass.
#include "../test.h"

static struct evpl_doorbell doorbell;
static int rung;

static void
ring(struct evpl *evpl, struct evpl_doorbell *self)
{
    (void) evpl;
    (void) self;
    rung++;
}

static void
on_signal(int signal_number)
{
    (void) signal_number;
    evpl_ring_doorbell(&doorbell);
}

int
main(void)
{
    struct evpl *evpl;

    test_init();
    evpl = test_evpl_with(!test_event_mode(), 1000, -1);
    evpl_add_doorbell(evpl, &doorbell, ring);
    signal(SIGALRM, on_signal);
    for (int i = 1; i <= 3; i++) {
        ualarm(20000, 0);
        RUN_UNTIL(evpl, rung == i, 2000);
    }
    evpl_remove_doorbell(evpl, &doorbell);
    evpl_destroy(evpl);
    return 0;
}
