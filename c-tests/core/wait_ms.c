// With nothing to do a pass takes wait_ms and little CPU time; 0 does not block. The first pass may
// learn that the loop's own descriptor is writable, and return.
#include "../test.h"

int
main(void)
{
    struct evpl *evpl;
    uint64_t start, cpu, took;

    test_init();
    evpl = test_evpl_with(!test_event_mode(), 1000, 40);
    evpl_continue(evpl);
    cpu   = test_cpu_ns();
    start = test_now_ns();
    RUN_PASSES(evpl, 5);
    took = test_now_ns() - start;
    CHECK(took >= 5 * 38000000ULL);
    CHECK(took < 2000000000ULL);
    CHECK(test_cpu_ns() - cpu < took / 2);
    evpl_destroy(evpl);

    evpl  = test_evpl_with(!test_event_mode(), 1000, 0);
    start = test_now_ns();
    RUN_PASSES(evpl, 100);
    CHECK(test_now_ns() - start < 1000000000ULL);
    evpl_destroy(evpl);
    return 0;
}
