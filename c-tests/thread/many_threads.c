// Threads created and destroyed by several threads at once leave nothing behind.
#include "../test.h"

static int balance;

static void *
init(struct evpl *evpl, void *unused)
{
    (void) evpl;
    __atomic_fetch_add(&balance, 1, __ATOMIC_RELAXED);
    return unused;
}

static void
shutdown(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    __atomic_fetch_sub(&balance, 1, __ATOMIC_RELAXED);
}

static void *
churn(void *unused)
{
    for (int i = 0; i < 10; i++) {
        struct evpl_thread *first  = evpl_thread_create(NULL, init, shutdown, NULL);
        struct evpl_thread *second = evpl_thread_create(NULL, init, shutdown, NULL);

        evpl_thread_destroy(first);
        evpl_thread_destroy(second);
    }
    return unused;
}

int
main(void)
{
    pthread_t threads[4];
    int before;

    test_init();
    churn(NULL);
    before = test_fd_count();
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, churn, NULL) == 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK_EQ(balance, 0);
    CHECK_EQ(test_fd_count(), before);
    return 0;
}
