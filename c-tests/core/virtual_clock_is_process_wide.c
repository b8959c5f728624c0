// matrix: none
// One advance is seen by every loop and every thread.
#include "../test.h"

static int fired[2];

static void
first(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    (void) timer;
    fired[0]++;
}

static void
second(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    (void) timer;
    fired[1]++;
}

static void *
advance(void *unused)
{
    for (int i = 0; i < 1000; i++) {
        evpl_virtual_clock_advance(1000);
    }
    return unused;
}

int
main(void)
{
    struct evpl_timer timers[2];
    struct evpl *a, *b;
    pthread_t threads[4];

    test_init_virtual();
    a = test_evpl();
    b = test_evpl();
    evpl_add_oneshot_timer(a, &timers[0], first, 4000);
    evpl_add_oneshot_timer(b, &timers[1], second, 4000);
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, advance, NULL) == 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK_EQ(evpl_virtual_clock_now(), 4000000);
    evpl_continue(a);
    CHECK(fired[0] == 1 && fired[1] == 0);
    evpl_continue(b);
    CHECK(fired[0] == 1 && fired[1] == 1);
    evpl_destroy(a);
    evpl_destroy(b);
    return 0;
}
