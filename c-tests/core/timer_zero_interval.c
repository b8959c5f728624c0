// A periodic timer of interval 0 fires once in each pass, also where time stands still.
#include "../test.h"

static int fired, once;

static void
fire(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    (void) timer;
    fired++;
}

static void
fire_once(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    (void) timer;
    once++;
}

int
main(void)
{
    struct evpl_timer periodic, oneshot;
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl();
    evpl_add_timer(evpl, &periodic, fire, 0);
    evpl_add_oneshot_timer(evpl, &oneshot, fire_once, 0);
    for (int i = 1; i <= 10; i++) {
        evpl_continue(evpl);
        CHECK_EQ(fired, i);
        CHECK_EQ(once, 1);
    }
    evpl_remove_timer(evpl, &periodic);
    evpl_destroy(evpl);
    return 0;
}
