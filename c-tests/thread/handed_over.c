// A loop and its timers may be made on one thread and used on another.
#include "../test.h"

static struct evpl_timer timer;
static struct evpl_doorbell doorbell;
static int fired, rung;

static void
fire(struct evpl *evpl, struct evpl_timer *self)
{
    (void) evpl;
    (void) self;
    fired++;
}

static void
ring(struct evpl *evpl, struct evpl_doorbell *self)
{
    (void) evpl;
    (void) self;
    rung++;
}

static void *
use(void *loop)
{
    struct evpl *evpl = loop;
    struct evpl_iovec iovec;

    RUN_UNTIL(evpl, fired == 1 && rung == 1, 2000);
    CHECK_EQ(evpl_iovec_alloc(evpl, 10, 0, 1, 0, &iovec), 1);
    evpl_iovec_release(evpl, &iovec);
    return NULL;
}

static void *
destroy(void *loop)
{
    evpl_remove_doorbell(loop, &doorbell);
    evpl_destroy(loop);
    return NULL;
}

int
main(void)
{
    struct evpl *evpl;
    pthread_t thread;

    test_init();
    evpl = test_evpl();
    RUN_PASSES(evpl, 2);
    evpl_add_oneshot_timer(evpl, &timer, fire, 1000);
    evpl_add_doorbell(evpl, &doorbell, ring);
    evpl_ring_doorbell(&doorbell);
    CHECK(pthread_create(&thread, NULL, use, evpl) == 0);
    pthread_join(thread, NULL);
    RUN_PASSES(evpl, 2);
    CHECK(pthread_create(&thread, NULL, destroy, evpl) == 0);
    pthread_join(thread, NULL);
    return 0;
}
