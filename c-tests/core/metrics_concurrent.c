// matrix: none
// Scrapes of several threads during traffic are each complete.
#include "../test.h"

static int stop;

static void *
scrape(void *unused)
{
    char *text = malloc(65536);

    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        int length = evpl_metrics_scrape(text, 65536);

        CHECK(length > 0);
        CHECK_EQ(length, strlen(text));
        CHECK(strstr(text, "# TYPE evpl_block_request_bytes histogram") != NULL);
    }
    free(text);
    return unused;
}

int
main(void)
{
    pthread_t threads[3];
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    for (int i = 0; i < 3; i++) {
        CHECK(pthread_create(&threads[i], NULL, scrape, NULL) == 0);
    }
    for (int i = 0; i < 500; i++) {
        struct evpl_iovec iovecs[2];

        evpl_iovec_alloc_global(evpl, &iovecs[0]);
        evpl_iovec_alloc_global(NULL, &iovecs[1]);
        evpl_iovecs_release(evpl, iovecs, 2);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    evpl_destroy(evpl);
    return 0;
}
