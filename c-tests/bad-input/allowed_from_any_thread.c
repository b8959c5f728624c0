// matrix: none
// Stopping a loop and ringing its doorbell are allowed while its thread is inside a pass.
#include "../test.h"

static struct evpl_timer timer;
static struct evpl_doorbell doorbell;
static int inside, released;

static void
on_timer(struct evpl *evpl, struct evpl_timer *unused)
{
    (void) evpl;
    (void) unused;
    __atomic_store_n(&inside, 1, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&released, __ATOMIC_ACQUIRE)) {
        test_sleep_ms(1);
    }
}

static void
on_doorbell(struct evpl *evpl, struct evpl_doorbell *unused)
{
    (void) evpl;
    (void) unused;
}

static void *
run(void *loop)
{
    evpl_run(loop);
    return NULL;
}

int
main(void)
{
    struct evpl *evpl;
    pthread_t thread;

    test_init();
    evpl = test_evpl();
    evpl_add_doorbell(evpl, &doorbell, on_doorbell);
    evpl_add_oneshot_timer(evpl, &timer, on_timer, 0);
    CHECK(pthread_create(&thread, NULL, run, evpl) == 0);
    while (!__atomic_load_n(&inside, __ATOMIC_ACQUIRE)) {
        test_sleep_ms(1);
    }
    evpl_ring_doorbell(&doorbell);
    evpl_stop(evpl);
    __atomic_store_n(&released, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    evpl_remove_doorbell(evpl, &doorbell);
    evpl_destroy(evpl);
    return 0;
}
