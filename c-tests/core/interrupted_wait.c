// A signal that interrupts the wait ends neither the loop nor the process.
#include "../test.h"

static volatile sig_atomic_t signals;
static int fired;

static void
on_signal(int signal_number)
{
    (void) signal_number;
    signals++;
}

static void
fire(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    (void) timer;
    fired++;
}

int
main(void)
{
    struct sigaction action = { .sa_handler = on_signal };
    struct evpl_timer timer;
    struct evpl *evpl;

    test_init();
    evpl = test_evpl_with(!test_event_mode(), 1000, -1);
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    evpl_add_oneshot_timer(evpl, &timer, fire, 60000);
    ualarm(10000, 5000);
    RUN_UNTIL(evpl, fired == 1, 3000);
    ualarm(0, 0);
    CHECK(signals >= 2);
    evpl_destroy(evpl);
    return 0;
}
