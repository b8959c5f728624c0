// matrix: none
// One allocation: one iovec of the length asked for, writable, counted for the caller and the loop.
#include "../test.h"

int
main(void)
{
    struct evpl_iovec iovec, untouched = { (void *) 1, 2, 3, (void *) 4 };
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    CHECK_EQ(evpl_iovec_alloc(evpl, 0, 0, 1, 0, &untouched), 0);
    CHECK(untouched.data == (void *) 1 && untouched.length == 2 && untouched.ref == (void *) 4);
    CHECK_EQ(evpl_iovec_alloc(evpl, 1000, 0, 1, 0, &iovec), 1);
    CHECK_EQ(evpl_iovec_length(&iovec), 1000);
    CHECK(evpl_iovec_data(&iovec) != NULL);
    memset(iovec.data, 0x5a, 1000);
    CHECK_EQ(evpl_iovec_get_ref(&iovec)->flags, 0);
    CHECK_EQ(evpl_iovec_get_ref(&iovec)->refcnt, 2);
    evpl_iovec_release(evpl, &iovec);
    evpl_destroy(evpl);
    return 0;
}
