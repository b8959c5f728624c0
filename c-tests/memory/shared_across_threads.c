// matrix: none
// Shared buffers are cloned and released by many threads at once, with their own loop or none.
#include "../test.h"

#define THREADS 4
#define BUFFERS 200

static struct evpl_iovec iovecs[THREADS][BUFFERS];

static void *
use(void *mine)
{
    struct evpl_iovec *own = mine;
    struct evpl *evpl      = test_evpl();

    for (int i = 0; i < BUFFERS; i++) {
        struct evpl_iovec clones[3];

        for (int c = 0; c < 3; c++) {
            evpl_iovec_clone(&clones[c], &own[i]);
        }
        for (unsigned int byte = 0; byte < 64; byte++) {
            CHECK_EQ(((unsigned char *) own[i].data)[byte], (unsigned char) i);
        }
        evpl_iovec_release(i % 2 ? evpl : NULL, &own[i]);
        evpl_iovecs_release(i % 3 ? evpl : NULL, clones, 3);
    }
    evpl_destroy(evpl);
    return NULL;
}

int
main(void)
{
    struct evpl_global_config *config = test_config();
    pthread_t threads[THREADS];
    struct evpl *evpl;

    evpl_global_config_set_buffer_size(config, 4096);
    evpl_global_config_set_slab_size(config, 64 * 4096);
    evpl_init(config);
    evpl = test_evpl();
    for (int i = 0; i < BUFFERS; i++) {
        CHECK_EQ(evpl_iovec_alloc(evpl, 64, 0, 1, EVPL_IOVEC_FLAG_SHARED, &iovecs[0][i]), 1);
        memset(iovecs[0][i].data, i, 64);
        for (int t = 1; t < THREADS; t++) {
            evpl_iovec_clone(&iovecs[t][i], &iovecs[0][i]);
        }
    }
    for (int t = 0; t < THREADS; t++) {
        CHECK(pthread_create(&threads[t], NULL, use, iovecs[t]) == 0);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
    }
    evpl_destroy(evpl);
    return 0;
}
