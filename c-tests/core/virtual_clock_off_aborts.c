// matrix: none
// Without the virtual clock, and before init, its two calls are a caller's bug.
#include "../test.h"

static void
advance_before_init(void *unused)
{
    (void) unused;
    evpl_virtual_clock_advance(1);
}

static void
now_before_init(void *unused)
{
    (void) unused;
    evpl_virtual_clock_now();
}

static void
advance_when_off(void *unused)
{
    (void) unused;
    evpl_init(NULL);
    evpl_virtual_clock_advance(1);
}

static void
now_when_off(void *unused)
{
    (void) unused;
    evpl_init(NULL);
    evpl_virtual_clock_now();
}

int
main(void)
{
    CHECK_ABORTS(advance_before_init, NULL, "evpl_virtual_clock_advance");
    CHECK_ABORTS(now_before_init, NULL, "evpl_virtual_clock_now");
    CHECK_ABORTS(advance_when_off, NULL, "evpl_virtual_clock_advance");
    CHECK_ABORTS(now_when_off, NULL, "evpl_virtual_clock_now");
    return 0;
}
