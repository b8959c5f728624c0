// matrix: none
// Slab sizes beyond 4 GiB are kept whole; only what is touched costs memory.
#include "../test.h"

int
main(void)
{
    struct evpl_global_config *config = evpl_global_config_init();
    struct evpl_iovec iovec;
    struct evpl *evpl;

    evpl_global_config_set_slab_size(config, 0x140000000ULL);
    evpl_init(config);
    CHECK(evpl_get_slab_size() == 0x140000000ULL);
    evpl = test_evpl();
    CHECK_EQ(evpl_iovec_alloc(evpl, 100, 0, 1, 0, &iovec), 1);
    memset(iovec.data, 1, 100);
    evpl_iovec_release(evpl, &iovec);
    evpl_destroy(evpl);
    return 0;
}
