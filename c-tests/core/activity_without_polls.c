// Activity reported on a loop without polls does not keep it from waiting.
#include "../test.h"

int
main(void)
{
    struct evpl *evpl;
    uint64_t start, cpu;

    test_init();
    evpl = test_evpl_with(1, 1000, 20);
    evpl_activity(evpl);
    evpl_continue(evpl);
    cpu   = test_cpu_ns();
    start = test_now_ns();
    RUN_PASSES(evpl, 5);
    CHECK(test_now_ns() - start >= 80000000ULL);
    CHECK(test_cpu_ns() - cpu < 60000000ULL);
    evpl_destroy(evpl);
    return 0;
}
