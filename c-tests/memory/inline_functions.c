// matrix: none
// Clones count, moves do not; segments point into their source.
#include "../test.h"

int
main(void)
{
    struct evpl_iovec source, clone, part, moved, taken;
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    for (unsigned int flags = 0; flags < 2; flags++) {
        CHECK_EQ(evpl_iovec_alloc(evpl, 100, 0, 1, flags, &source), 1);
        evpl_iovec_clone(&clone, &source);
        CHECK(clone.data == source.data && clone.length == 100 && clone.ref == source.ref);
        CHECK_EQ(source.ref->refcnt, 3);
        evpl_iovec_clone_segment(&part, &source, 60, 40);
        CHECK((char *) part.data == (char *) source.data + 60 && part.length == 40);
        CHECK_EQ(source.ref->refcnt, 4);
        evpl_iovec_move(&moved, &clone);
        CHECK(moved.data == source.data && clone.data == NULL && clone.length == 100);
        CHECK_EQ(source.ref->refcnt, 4);
        evpl_iovec_move_segment(&taken, &part, 10, 30);
        CHECK((char *) taken.data == (char *) source.data + 70 && taken.length == 30);
        CHECK_EQ(source.ref->refcnt, 4);
        evpl_iovec_release(evpl, &taken);
        evpl_iovec_release(evpl, &moved);
        CHECK_EQ(source.ref->refcnt, 2);
        evpl_iovec_take_ref(&taken, evpl_iovec_get_ref(&source));
        CHECK_EQ(source.ref->refcnt, 3);
        evpl_iovec_release_internal(evpl, &taken);
        evpl_iovec_clone_segment(&part, &source, 100, 0);
        evpl_iovec_release(evpl, &part);
        CHECK_EQ(source.ref->refcnt, 2);
        evpl_iovec_release(evpl, &source);
    }
    evpl_destroy(evpl);
    return 0;
}
