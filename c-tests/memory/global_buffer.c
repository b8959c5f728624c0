// matrix: none
// A global buffer is one whole buffer; clones do not count; its owner frees it once, with any loop.
#include "../test.h"

int
main(void)
{
    struct evpl_global_config *config = test_config();
    struct evpl_iovec iovec, clone, part;
    struct evpl *evpl;

    evpl_global_config_set_buffer_size(config, 65536);
    evpl_init(config);
    evpl_iovec_alloc_global(NULL, &iovec);
    CHECK(iovec.data != NULL);
    CHECK_EQ((uintptr_t) iovec.data % 4096, 0);
    CHECK_EQ(iovec.length, 65536);
    CHECK_EQ(iovec.ref->flags, 3);
    CHECK_EQ(iovec.ref->refcnt, 1);
    memset(iovec.data, 7, 65536);
    evpl_iovec_clone(&clone, &iovec);
    evpl_iovec_clone_segment(&part, &iovec, 100, 50);
    CHECK_EQ(iovec.ref->refcnt, 1);
    evpl_iovec_release_internal(NULL, &clone);
    evpl_iovec_release_internal(NULL, &part);
    CHECK_EQ(iovec.ref->refcnt, 1);
    CHECK_EQ(((char *) iovec.data)[65535], 7);
    evpl_iovec_release(NULL, &iovec);
    CHECK(iovec.data == NULL);

    evpl = test_evpl();
    for (int i = 0; i < 100; i++) {
        evpl_iovec_alloc_global(i % 2 ? evpl : NULL, &iovec);
        CHECK_EQ(iovec.length, 65536);
        evpl_iovec_release(i % 3 ? evpl : NULL, &iovec);
    }
    evpl_iovec_alloc_global(evpl, &iovec);
    evpl_destroy(evpl);
    evpl_iovec_release(NULL, &iovec);
    return 0;
}
