// matrix: none
// A reservation takes no space until it is committed, and then only as much as its length says.
#include "../test.h"

int
main(void)
{
    struct evpl_iovec first, again, next, zero;
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    CHECK_EQ(evpl_iovec_reserve(evpl, 100, 0, 1, &first), 1);
    CHECK_EQ(first.length, 100);
    CHECK_EQ(first.ref->refcnt, 2);
    CHECK_EQ(evpl_iovec_reserve(evpl, 100, 0, 1, &again), 1);
    CHECK(again.data == first.data);
    CHECK_EQ(first.ref->refcnt, 3);
    evpl_iovec_release(evpl, &again);

    evpl_iovec_set_length(&first, 40);
    evpl_iovec_commit(evpl, 0, &first, 1);
    CHECK_EQ(evpl_iovec_reserve(evpl, 10, 0, 1, &next), 1);
    CHECK((char *) next.data == (char *) first.data + 40);
    evpl_iovec_set_length(&next, 1);
    evpl_iovec_commit(evpl, 64, &next, 1);
    CHECK_EQ(evpl_iovec_alloc(evpl, 10, 0, 1, 0, &again), 1);
    CHECK((char *) again.data == (char *) first.data + 64);

    CHECK_EQ(evpl_iovec_reserve(evpl, 0, 0, 1, &zero), 1);
    CHECK_EQ(zero.length, 0);
    CHECK(zero.ref == first.ref);
    evpl_iovec_release(evpl, &zero);
    evpl_iovec_release(evpl, &again);
    evpl_iovec_release(evpl, &next);
    evpl_iovec_release(evpl, &first);
    evpl_destroy(evpl);
    return 0;
}
