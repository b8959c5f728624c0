// matrix: none
// Allocations fill a buffer one after another; what does not fit starts a fresh one; more than a
// buffer is whole buffers and a rest.
#include "../test.h"

#define BUFFER 65536

int
main(void)
{
    struct evpl_global_config *config = test_config();
    struct evpl_iovec a, b, c, d, big[8];
    struct evpl *evpl;

    evpl_global_config_set_buffer_size(config, BUFFER);
    evpl_global_config_set_slab_size(config, 64 * BUFFER);
    evpl_init(config);
    evpl = test_evpl();

    CHECK_EQ(evpl_iovec_alloc(evpl, 100, 0, 1, 0, &a), 1);
    CHECK_EQ(evpl_iovec_alloc(evpl, 28, 0, 1, 0, &b), 1);
    CHECK((char *) b.data == (char *) a.data + 100);
    CHECK(a.ref == b.ref);
    CHECK_EQ(a.ref->refcnt, 3);
    CHECK_EQ(evpl_iovec_alloc(evpl, BUFFER - 127, 0, 1, 0, &c), 1);
    CHECK(c.ref != a.ref);
    CHECK_EQ(a.ref->refcnt, 2);
    CHECK_EQ(c.length, BUFFER - 127);
    CHECK_EQ(evpl_iovec_alloc(evpl, 127, 0, 1, 0, &d), 1);
    CHECK(d.ref == c.ref);

    CHECK_EQ(evpl_iovec_alloc(evpl, BUFFER, 0, 1, 0, big), 1);
    CHECK_EQ(big[0].length, BUFFER);
    evpl_iovec_release(evpl, &big[0]);
    CHECK_EQ(evpl_iovec_alloc(evpl, 200000, 0, 8, 0, big), 4);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(big[i].length, BUFFER);
        memset(big[i].data, i, BUFFER);
    }
    CHECK_EQ(big[3].length, 3392);
    evpl_iovecs_release(evpl, big, 4);
    CHECK_EQ(evpl_iovec_alloc(evpl, BUFFER + 1, 0, 2, 0, big), 2);
    CHECK_EQ(big[0].length, BUFFER);
    CHECK_EQ(big[1].length, 1);
    evpl_iovecs_release(evpl, big, 2);

    evpl_iovec_release(evpl, &a);
    evpl_iovec_release(evpl, &b);
    evpl_iovec_release(evpl, &c);
    evpl_iovec_release(evpl, &d);
    evpl_destroy(evpl);
    return 0;
}
