// matrix: none
// An allocation that needs more iovecs than allowed is -1 and keeps no reference.
#include "../test.h"

int
main(void)
{
    struct evpl_global_config *config = test_config();
    struct evpl_iovec iovecs[4], held;
    struct evpl *evpl;

    evpl_global_config_set_buffer_size(config, 65536);
    evpl_global_config_set_slab_size(config, 1 << 22);
    evpl_init(config);
    evpl = test_evpl();
    for (int shared = 0; shared < 2; shared++) {
        CHECK_EQ(evpl_iovec_alloc(evpl, 100, 0, 1, (unsigned int) shared, &held), 1);
        CHECK_EQ(held.ref->refcnt, 2);
        CHECK_EQ(evpl_iovec_alloc(evpl, 10, 0, 0, (unsigned int) shared, iovecs), -1);
        CHECK_EQ(evpl_iovec_alloc(evpl, 65537, 0, 1, (unsigned int) shared, iovecs), -1);
        CHECK_EQ(evpl_iovec_alloc(evpl, 4 * 65536 + 1, 0, 4, (unsigned int) shared, iovecs), -1);
        CHECK(held.ref->refcnt >= 1 && held.ref->refcnt <= 2);
        evpl_iovec_release(evpl, &held);
    }
    CHECK_EQ(evpl_iovec_reserve(evpl, 65537, 0, 1, iovecs), -1);
    CHECK_EQ(evpl_iovec_reserve(evpl, 10, 0, 0, iovecs), -1);
    CHECK_EQ(evpl_iovec_alloc(evpl, 50, 0, 1, 0, &held), 1);
    evpl_iovec_release(evpl, &held);
    evpl_destroy(evpl);
    return 0;
}
