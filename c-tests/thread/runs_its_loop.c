// The thread runs timers and doorbells that init registered; rings of others reach it.
#include "../test.h"

static struct evpl_timer timer;
static struct evpl_doorbell doorbell;
static int fired, rung;

static void
fire(struct evpl *evpl, struct evpl_timer *self)
{
    (void) evpl;
    (void) self;
    __atomic_fetch_add(&fired, 1, __ATOMIC_RELAXED);
}

static void
ring(struct evpl *evpl, struct evpl_doorbell *self)
{
    (void) evpl;
    (void) self;
    __atomic_fetch_add(&rung, 1, __ATOMIC_RELAXED);
}

static void *
init(struct evpl *evpl, void *unused)
{
    evpl_add_timer(evpl, &timer, fire, 1000);
    evpl_add_doorbell(evpl, &doorbell, ring);
    return unused;
}

static void
shutdown(struct evpl *evpl, void *unused)
{
    (void) unused;
    evpl_remove_timer(evpl, &timer);
    evpl_remove_doorbell(evpl, &doorbell);
}

int
main(void)
{
    struct evpl_thread *thread;

    test_init();
    thread = evpl_thread_create(NULL, init, shutdown, NULL);
    for (int i = 1; i <= 5; i++) {
        evpl_ring_doorbell(&doorbell);
        while (__atomic_load_n(&rung, __ATOMIC_RELAXED) < i) {
            test_sleep_ms(1);
        }
    }
    while (__atomic_load_n(&fired, __ATOMIC_RELAXED) < 10) {
        test_sleep_ms(1);
    }
    evpl_thread_destroy(thread);
    return 0;
}
