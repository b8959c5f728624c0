// matrix: none
// SHARED buffers are separate from local ones; the GLOBAL bit of an allocation is ignored.
#include "../test.h"

int
main(void)
{
    struct evpl_iovec local, shared, masked;
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    CHECK_EQ(evpl_iovec_alloc(evpl, 10, 0, 1, 0, &local), 1);
    CHECK_EQ(evpl_iovec_alloc(evpl, 10, 0, 1, EVPL_IOVEC_FLAG_SHARED, &shared), 1);
    CHECK_EQ(evpl_iovec_alloc(evpl, 10, 0, 1, EVPL_IOVEC_FLAG_GLOBAL, &masked), 1);
    CHECK_EQ(local.ref->flags, 0);
    CHECK_EQ(shared.ref->flags, EVPL_IOVEC_FLAG_SHARED);
    CHECK_EQ(masked.ref->flags & EVPL_IOVEC_FLAG_GLOBAL, 0);
    CHECK(local.ref != shared.ref);
    CHECK_EQ(shared.ref->refcnt, 2);
    evpl_iovec_release(evpl, &masked);
    CHECK_EQ(evpl_iovec_alloc(evpl, 10, 0, 1, 3, &masked), 1);
    CHECK_EQ(masked.ref->flags, EVPL_IOVEC_FLAG_SHARED);
    evpl_iovec_release(evpl, &masked);
    evpl_iovec_release(evpl, &local);
    evpl_iovec_release(evpl, &shared);
    evpl_destroy(evpl);
    return 0;
}
