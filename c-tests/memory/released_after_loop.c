// matrix: none
// A buffer outlives the loop it was allocated on and is released with another loop, or with none.
#include "../test.h"

int
main(void)
{
    struct evpl_iovec local, shared, global, second;
    struct evpl *evpl, *other;

    test_init();
    evpl  = test_evpl();
    other = test_evpl();
    CHECK_EQ(evpl_iovec_alloc(evpl, 100, 0, 1, 0, &local), 1);
    CHECK_EQ(evpl_iovec_alloc(evpl, 100, 0, 1, EVPL_IOVEC_FLAG_SHARED, &shared), 1);
    CHECK_EQ(evpl_iovec_alloc(evpl, 100, 0, 1, EVPL_IOVEC_FLAG_SHARED, &second), 1);
    evpl_iovec_alloc_global(evpl, &global);
    evpl_destroy(evpl);
    memset(local.data, 1, 100);
    memset(shared.data, 1, 100);
    CHECK_EQ(local.ref->refcnt, 1);
    CHECK_EQ(shared.ref->refcnt, 2);
    evpl_iovec_release(NULL, &local);
    evpl_iovec_release(other, &shared);
    evpl_destroy(other);
    evpl_iovec_release(NULL, &second);
    evpl_iovec_release(NULL, &global);
    return 0;
}
