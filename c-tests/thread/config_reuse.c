// One thread config serves any number of loops, threads and pools, and one release afterwards.
#include "../test.h"

static int inits;

static void *
init(struct evpl *evpl, void *unused)
{
    (void) evpl;
    inits++;
    return unused;
}

int
main(void)
{
    struct evpl_thread_config *config;
    struct evpl_threadpool *pool;
    struct evpl_thread *thread;
    struct evpl *first, *second;

    test_init();
    config = test_thread_config();
    first  = evpl_create(config);
    second = evpl_create(config);
    pool   = evpl_threadpool_create(config, 8, init, NULL, NULL);
    thread = evpl_thread_create(config, init, NULL, NULL);
    evpl_thread_config_set_wait_ms(config, 1);
    evpl_thread_config_release(config);
    CHECK_EQ(inits, 9);
    RUN_PASSES(first, 2);
    RUN_PASSES(second, 2);
    evpl_destroy(first);
    evpl_destroy(second);
    evpl_thread_destroy(thread);
    evpl_threadpool_destroy(pool);
    return 0;
}
