// A thread that stops its own loop shuts down; destroy then only joins it.
#include "../test.h"

static struct evpl_timer timer;
static int shutdowns;

static void
fire(struct evpl *evpl, struct evpl_timer *self)
{
    (void) self;
    evpl_stop(evpl);
}

static void *
init(struct evpl *evpl, void *unused)
{
    evpl_add_oneshot_timer(evpl, &timer, fire, 1000);
    return unused;
}

static void *
init_stopped(struct evpl *evpl, void *unused)
{
    evpl_stop(evpl);
    return unused;
}

static void
shutdown(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    __atomic_fetch_add(&shutdowns, 1, __ATOMIC_RELAXED);
}

int
main(void)
{
    struct evpl_thread *thread;

    test_init();
    thread = evpl_thread_create(NULL, init, shutdown, NULL);
    while (__atomic_load_n(&shutdowns, __ATOMIC_RELAXED) < 1) {
        test_sleep_ms(1);
    }
    test_sleep_ms(10);
    evpl_thread_destroy(thread);
    CHECK_EQ(shutdowns, 1);
    evpl_thread_destroy(evpl_thread_create(NULL, init_stopped, shutdown, NULL));
    CHECK_EQ(shutdowns, 2);
    return 0;
}
