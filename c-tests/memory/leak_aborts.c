// matrix: none
// Each kind of buffer that is not released by exit ends the process with 134; parked ones do not.
#include "../test.h"

static void
leak_local(void *unused)
{
    struct evpl *evpl = test_evpl();
    struct evpl_iovec iovec;

    (void) unused;
    CHECK_EQ(evpl_iovec_alloc(evpl, 10, 0, 1, 0, &iovec), 1);
    evpl_destroy(evpl);
}

static void
leak_local_of_live_loop(void *unused)
{
    struct evpl *evpl = test_evpl();
    struct evpl_iovec iovec;

    (void) unused;
    CHECK_EQ(evpl_iovec_alloc(evpl, 10, 0, 1, 0, &iovec), 1);
}

static void
leak_shared(void *unused)
{
    struct evpl *evpl = test_evpl();
    struct evpl_iovec iovec;

    (void) unused;
    CHECK_EQ(evpl_iovec_alloc(evpl, 10, 0, 1, EVPL_IOVEC_FLAG_SHARED, &iovec), 1);
    evpl_destroy(evpl);
}

static void
leak_clone(void *unused)
{
    struct evpl *evpl = test_evpl();
    struct evpl_iovec iovec, clone;

    (void) unused;
    CHECK_EQ(evpl_iovec_alloc(evpl, 10, 0, 1, 0, &iovec), 1);
    evpl_iovec_clone(&clone, &iovec);
    evpl_iovec_release(evpl, &iovec);
    evpl_destroy(evpl);
}

static void
leak_reserved(void *unused)
{
    struct evpl *evpl = test_evpl();
    struct evpl_iovec iovec;

    (void) unused;
    CHECK_EQ(evpl_iovec_reserve(evpl, 10, 0, 1, &iovec), 1);
    evpl_destroy(evpl);
}

static void
leak_global(void *unused)
{
    struct evpl_iovec iovec;

    (void) unused;
    evpl_init(NULL);
    evpl_iovec_alloc_global(NULL, &iovec);
}

static void
no_leak_in_live_loop(void *unused)
{
    struct evpl *evpl = test_evpl();
    struct evpl_iovec iovecs[3];

    (void) unused;
    CHECK_EQ(evpl_iovec_alloc(evpl, 5 << 20, 0, 3, 0, iovecs), 3);
    evpl_iovecs_release(evpl, iovecs, 3);
    CHECK_EQ(evpl_iovec_alloc(evpl, 5 << 20, 0, 3, EVPL_IOVEC_FLAG_SHARED, iovecs), 3);
    evpl_iovecs_release(evpl, iovecs, 3);
}

static void
no_leak_by_loan(void *unused)
{
    void *loan;

    (void) unused;
    CHECK(evpl_slab_alloc(&loan) != NULL);
    CHECK(evpl_slab_alloc(&loan) != NULL);
}

static void
no_leak_without_use(void *unused)
{
    (void) unused;
    test_evpl();
    test_evpl();
}

int
main(void)
{
    CHECK_ABORTS(leak_local, NULL, "level=fatal");
    CHECK_ABORTS(leak_local_of_live_loop, NULL, "level=fatal");
    CHECK_ABORTS(leak_shared, NULL, "level=fatal");
    CHECK_ABORTS(leak_clone, NULL, "level=fatal");
    CHECK_ABORTS(leak_reserved, NULL, "level=fatal");
    CHECK_ABORTS(leak_global, NULL, "level=fatal");
    CHECK_CHILD(no_leak_in_live_loop, NULL, 0, "");
    CHECK_CHILD(no_leak_by_loan, NULL, 0, "");
    CHECK_CHILD(no_leak_without_use, NULL, 0, "");
    return 0;
}
