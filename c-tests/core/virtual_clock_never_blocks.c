// With the virtual clock no pass waits, whatever wait_ms says.
#include "../test.h"

int
main(void)
{
    struct evpl *evpl;
    uint64_t start;

    test_init_virtual();
    evpl  = test_evpl_with(!test_event_mode(), 1000, -1);
    start = test_now_ns();
    RUN_PASSES(evpl, 100);
    CHECK(test_now_ns() - start < 2000000000ULL);
    evpl_destroy(evpl);
    return 0;
}
