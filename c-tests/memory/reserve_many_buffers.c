// matrix: none
// A reservation beyond one buffer spans several; committing part of it releases the rest by hand.
#include "../test.h"

#define BUFFER 65536

int
main(void)
{
    struct evpl_global_config *config = test_config();
    struct evpl_iovec iovecs[4], next;
    struct evpl *evpl;

    evpl_global_config_set_buffer_size(config, BUFFER);
    evpl_global_config_set_slab_size(config, 32 * BUFFER);
    evpl_init(config);
    evpl = test_evpl();
    for (int round = 0; round < 20; round++) {
        CHECK_EQ(evpl_iovec_reserve(evpl, 3 * BUFFER - 5, 0, 4, iovecs), 3);
        CHECK_EQ(iovecs[0].length, BUFFER);
        CHECK_EQ(iovecs[1].length, BUFFER);
        CHECK_EQ(iovecs[2].length, BUFFER - 5);
        memset(iovecs[0].data, 1, BUFFER);
        memset(iovecs[1].data, 2, BUFFER);
        memset(iovecs[2].data, 3, BUFFER - 5);
        CHECK_EQ(((char *) iovecs[0].data)[BUFFER - 1], 1);
        CHECK_EQ(((char *) iovecs[1].data)[BUFFER - 1], 2);
        evpl_iovec_set_length(&iovecs[1], 100);
        evpl_iovec_commit(evpl, 0, iovecs, 2);
        evpl_iovec_release(evpl, &iovecs[2]);
        CHECK_EQ(evpl_iovec_alloc(evpl, 64, 0, 1, 0, &next), 1);
        memset(next.data, 9, 64);
        CHECK_EQ(((char *) iovecs[0].data)[0], 1);
        CHECK_EQ(((char *) iovecs[1].data)[99], 2);
        evpl_iovec_release(evpl, &next);
        evpl_iovecs_release(evpl, iovecs, 2);
    }
    evpl_destroy(evpl);
    return 0;
}
