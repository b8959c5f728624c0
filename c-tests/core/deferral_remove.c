// A removed deferral does not run and is not looked at again; removing an idle one does nothing.
#include "../test.h"

static struct evpl_deferral *victim, idle, killer, last;
static int victim_ran, killer_ran, last_ran;

static void
count(struct evpl *evpl, void *counter)
{
    (void) evpl;
    ++*(int *) counter;
}

static void
kill_victim(struct evpl *evpl, void *unused)
{
    (void) unused;
    killer_ran++;
    evpl_remove_deferral(evpl, victim);
    CHECK_EQ(victim->armed, 0);
    test_page_free(victim);
}

int
main(void)
{
    struct evpl *evpl;

    test_init();
    evpl   = test_evpl();
    victim = test_page_alloc();
    memset(victim, 0, sizeof(*victim));
    evpl_deferral_init(victim, count, &victim_ran);
    evpl_deferral_init(&idle, count, &victim_ran);
    evpl_deferral_init(&killer, kill_victim, NULL);
    evpl_deferral_init(&last, count, &last_ran);

    evpl_remove_deferral(evpl, &idle);
    evpl_defer(evpl, victim);
    evpl_remove_deferral(evpl, victim);
    CHECK_EQ(victim->armed, 0);
    RUN_PASSES(evpl, 2);
    CHECK_EQ(victim_ran, 0);

    evpl_defer(evpl, &killer);
    evpl_defer(evpl, victim);
    evpl_defer(evpl, &last);
    RUN_PASSES(evpl, 2);
    CHECK_EQ(killer_ran, 1);
    CHECK_EQ(victim_ran, 0);
    CHECK_EQ(last_ran, 1);
    evpl_destroy(evpl);
    return 0;
}
