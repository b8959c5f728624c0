// matrix: mech
// What is set after the loop was made changes nothing for that loop.
#include "../test.h"

int
main(void)
{
    struct evpl_thread_config *config;
    struct evpl *evpl;
    uint64_t start;

    test_init();
    config = evpl_thread_config_init();
    evpl_thread_config_set_wait_ms(config, 0);
    evpl = evpl_create(config);
    evpl_thread_config_set_wait_ms(config, 10000);
    start = test_now_ns();
    RUN_PASSES(evpl, 20);
    CHECK(test_now_ns() - start < 1000000000ULL);
    evpl_thread_config_release(config);
    evpl_destroy(evpl);
    return 0;
}
