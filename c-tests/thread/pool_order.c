// A pool starts its threads one after another, gives each the same data, and stops them in order.
#include "../test.h"

#define COUNT 16

static int argument, inside, inits, shutdowns;
static int numbers[COUNT];

static void *
init(struct evpl *evpl, void *private_data)
{
    (void) evpl;
    CHECK(private_data == &argument);
    CHECK_EQ(__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST), 1);
    test_sleep_ms(1);
    numbers[inits] = inits;
    __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
    return &numbers[inits++];
}

static void
shutdown(struct evpl *evpl, void *private_data)
{
    (void) evpl;
    CHECK_EQ(__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST), 1);
    CHECK(private_data == &numbers[shutdowns]);
    test_sleep_ms(1);
    shutdowns++;
    __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
}

int
main(void)
{
    struct evpl_threadpool *pool;

    test_init();
    pool = evpl_threadpool_create(test_thread_config(), COUNT, init, shutdown, &argument);
    CHECK(pool != NULL);
    CHECK_EQ(inits, COUNT);
    CHECK_EQ(shutdowns, 0);
    evpl_threadpool_destroy(pool);
    CHECK_EQ(shutdowns, COUNT);
    return 0;
}
