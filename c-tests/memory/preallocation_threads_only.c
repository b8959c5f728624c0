// matrix: none
// timeout: 10
// Preallocation threads without a number of slabs do not leave the first allocation waiting.
#include "../test.h"

int
main(void)
{
    struct evpl_global_config *config = test_config();
    struct evpl_iovec iovecs[40];

    evpl_global_config_set_buffer_size(config, 65536);
    evpl_global_config_set_slab_size(config, 8 * 65536);
    evpl_global_config_set_preallocate_slabs(config, 0);
    evpl_global_config_set_preallocate_threads(config, 2);
    evpl_init(config);
    for (int i = 0; i < 40; i++) {
        evpl_iovec_alloc_global(NULL, &iovecs[i]);
    }
    evpl_iovecs_release(NULL, iovecs, 40);
    return 0;
}
