// One full pass: timers, pre_wait, post_wait, events, deferrals, iteration_end.
#include "../test.h"

static char order[64];
static struct evpl_deferral deferral;

static void
pre_wait(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    strcat(order, "<");
}

static void
post_wait(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    strcat(order, ">");
}

static void
iteration_end(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    strcat(order, ".");
}

static void
fire(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) timer;
    strcat(order, "t");
    evpl_defer(evpl, &deferral);
}

static void
ring(struct evpl *evpl, struct evpl_doorbell *doorbell)
{
    (void) evpl;
    (void) doorbell;
    strcat(order, "e");
}

static void
deferred(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    strcat(order, "d");
}

int
main(void)
{
    struct evpl_loop_hooks hooks = { iteration_end, pre_wait, post_wait, NULL };
    struct evpl_doorbell doorbell;
    struct evpl_timer timer;
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl();
    evpl_deferral_init(&deferral, deferred, NULL);
    evpl_add_doorbell(evpl, &doorbell, ring);
    evpl_add_oneshot_timer(evpl, &timer, fire, 0);
    evpl_set_loop_hooks(evpl, &hooks);
    memset(&hooks, 0xaa, sizeof(hooks));
    evpl_ring_doorbell(&doorbell);
    evpl_continue(evpl);
    CHECK_STR(order, "t<>ed.");
    order[0] = '\0';
    evpl_continue(evpl);
    CHECK_STR(order, "<>.");
    evpl_set_loop_hooks(evpl, NULL);
    evpl_continue(evpl);
    CHECK_STR(order, "<>.");
    evpl_remove_doorbell(evpl, &doorbell);
    evpl_destroy(evpl);
    return 0;
}
