// Two deferrals that arm each other do not keep a pass from ending, and both keep running.
// timeout: 10
#include "../test.h"

static struct evpl_deferral ping, pong;
static int ping_ran, pong_ran;

static void
run_ping(struct evpl *evpl, void *unused)
{
    (void) unused;
    ping_ran++;
    evpl_defer(evpl, &pong);
}

static void
run_pong(struct evpl *evpl, void *unused)
{
    (void) unused;
    pong_ran++;
    evpl_defer(evpl, &ping);
}

int
main(void)
{
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    evpl_deferral_init(&ping, run_ping, NULL);
    evpl_deferral_init(&pong, run_pong, NULL);
    evpl_defer(evpl, &ping);
    for (int i = 1; i <= 10; i++) {
        evpl_continue(evpl);
        CHECK_EQ(ping_ran, i);
        CHECK_EQ(pong_ran, i);
    }
    evpl_remove_deferral(evpl, &ping);
    evpl_remove_deferral(evpl, &pong);
    evpl_destroy(evpl);
    return 0;
}
