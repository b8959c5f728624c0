// matrix: none
// The virtual clock starts at 0, moves only when advanced, and adds up.
#include "../test.h"

int
main(void)
{
    struct evpl *evpl;

    test_init_virtual();
    CHECK_EQ(evpl_virtual_clock_now(), 0);
    evpl_virtual_clock_advance(1);
    evpl_virtual_clock_advance(999999);
    CHECK_EQ(evpl_virtual_clock_now(), 1000000);
    evpl = test_evpl();
    RUN_PASSES(evpl, 5);
    test_sleep_ms(5);
    CHECK_EQ(evpl_virtual_clock_now(), 1000000);
    evpl_virtual_clock_advance(0);
    CHECK_EQ(evpl_virtual_clock_now(), 1000000);
    evpl_destroy(evpl);
    return 0;
}
