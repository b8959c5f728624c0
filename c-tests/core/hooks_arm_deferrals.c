// A deferral armed around the wait runs in that pass; one armed at its end, in the next.
#include "../test.h"

static struct evpl_deferral before, after, at_end;
static int before_ran, after_ran, at_end_ran;

static void
count(struct evpl *evpl, void *counter)
{
    (void) evpl;
    ++*(int *) counter;
}

static void
pre_wait(struct evpl *evpl, void *unused)
{
    (void) unused;
    evpl_defer(evpl, &before);
}

static void
post_wait(struct evpl *evpl, void *unused)
{
    (void) unused;
    evpl_defer(evpl, &after);
}

static void
iteration_end(struct evpl *evpl, void *unused)
{
    (void) unused;
    evpl_defer(evpl, &at_end);
}

int
main(void)
{
    struct evpl_loop_hooks hooks = { iteration_end, pre_wait, post_wait, NULL };
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl();
    evpl_deferral_init(&before, count, &before_ran);
    evpl_deferral_init(&after, count, &after_ran);
    evpl_deferral_init(&at_end, count, &at_end_ran);
    evpl_set_loop_hooks(evpl, &hooks);
    for (int i = 1; i <= 5; i++) {
        evpl_continue(evpl);
        CHECK_EQ(before_ran, i);
        CHECK_EQ(after_ran, i);
        CHECK_EQ(at_end_ran, i - 1);
    }
    evpl_destroy(evpl);
    return 0;
}
