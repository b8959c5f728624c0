// matrix: none
// The data is aligned as asked, up to the page; the next allocation starts aligned as well.
#include "../test.h"

int
main(void)
{
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    for (unsigned int alignment = 1; alignment <= 8192; alignment *= 2) {
        struct evpl_iovec odd, aligned, next;
        uintptr_t mask = (alignment < 4096 ? alignment : 4096) - 1;

        for (unsigned int flags = 0; flags < 2; flags++) {
            CHECK_EQ(evpl_iovec_alloc(evpl, 3, 0, 1, flags, &odd), 1);
            CHECK_EQ(evpl_iovec_alloc(evpl, 5, alignment, 1, flags, &aligned), 1);
            CHECK_EQ((uintptr_t) aligned.data & mask, 0);
            CHECK_EQ(evpl_iovec_alloc(evpl, 5, 0, 1, flags, &next), 1);
            CHECK_EQ((uintptr_t) next.data & mask, 0);
            CHECK(next.ref != aligned.ref ||
                  (char *) next.data - (char *) aligned.data ==
                      (long) ((5 + alignment - 1) / alignment * alignment));
            evpl_iovec_release(evpl, &odd);
            evpl_iovec_release(evpl, &aligned);
            evpl_iovec_release(evpl, &next);
        }
        CHECK_EQ(evpl_iovec_reserve(evpl, 5, alignment, 1, &aligned), 1);
        CHECK_EQ((uintptr_t) aligned.data & mask, 0);
        evpl_iovec_release(evpl, &aligned);
    }
    evpl_destroy(evpl);
    return 0;
}
