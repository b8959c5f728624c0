// A timer that is due but removed by an earlier callback of the same scan never fires.
#include "../test.h"

static struct evpl_timer *victim;
static int fired, victim_fired, last_fired;

static void
fire_victim(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    (void) timer;
    victim_fired++;
}

static void
fire_last(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    (void) timer;
    last_fired++;
}

static void
fire(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) timer;
    fired++;
    evpl_remove_timer(evpl, victim);
    test_page_free(victim);
}

int
main(void)
{
    struct evpl_timer killer, last;
    struct evpl *evpl;

    victim = test_page_alloc();
    test_init_virtual();
    evpl = test_evpl();
    evpl_add_oneshot_timer(evpl, victim, fire_victim, 2000);
    evpl_add_oneshot_timer(evpl, &last, fire_last, 3000);
    evpl_add_oneshot_timer(evpl, &killer, fire, 1000);
    evpl_virtual_clock_advance(5000000);
    RUN_PASSES(evpl, 3);
    CHECK_EQ(fired, 1);
    CHECK_EQ(victim_fired, 0);
    CHECK_EQ(last_fired, 1);
    evpl_destroy(evpl);
    return 0;
}
