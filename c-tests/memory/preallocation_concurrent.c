// matrix: none
// Many threads drain a pool that preallocates; each gets buffers of its own.
#include "../test.h"

#define THREADS 4
#define BUFFERS 100

static void *
drain(void *unused)
{
    struct evpl_iovec iovecs[BUFFERS];
    pthread_t self = pthread_self();

    for (int i = 0; i < BUFFERS; i++) {
        evpl_iovec_alloc_global(NULL, &iovecs[i]);
        memcpy(iovecs[i].data, &self, sizeof(self));
    }
    for (int i = 0; i < BUFFERS; i++) {
        CHECK(memcmp(iovecs[i].data, &self, sizeof(self)) == 0);
    }
    evpl_iovecs_release(NULL, iovecs, BUFFERS);
    return unused;
}

int
main(void)
{
    struct evpl_global_config *config = test_config();
    pthread_t threads[THREADS];

    evpl_global_config_set_buffer_size(config, 4096);
    evpl_global_config_set_slab_size(config, 16 * 4096);
    evpl_global_config_set_preallocate_slabs(config, 1);
    evpl_global_config_set_preallocate_threads(config, 2);
    evpl_init(config);
    for (int t = 0; t < THREADS; t++) {
        CHECK(pthread_create(&threads[t], NULL, drain, NULL) == 0);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
    }
    return 0;
}
