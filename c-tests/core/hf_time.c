// matrix: none
// The high-frequency time follows CLOCK_MONOTONIC in every mode and never goes back.
#include "../test.h"

static void
check_mode(void *argument)
{
    int mode                          = *(int *) argument;
    struct evpl_global_config *config = evpl_global_config_init();
    struct timespec ts;
    uint64_t last = 0;

    evpl_global_config_set_hf_time_mode(config, (unsigned int) mode);
    evpl_global_config_set_virtual_clock(config, mode == 0);
    evpl_init(config);
    for (int i = 0; i < 200; i++) {
        uint64_t before = test_now_ns(), now, after;

        evpl_get_hf_monotonic_time(NULL, &ts);
        after = test_now_ns();
        CHECK(ts.tv_nsec >= 0 && ts.tv_nsec < 1000000000L);
        now = (uint64_t) ts.tv_sec * 1000000000ULL + (uint64_t) ts.tv_nsec;
        CHECK(now >= last);
        CHECK(now + 5000000ULL >= before && now <= after + 5000000ULL);
        last = now;
        test_sleep_ms(i % 50 == 0 ? 10 : 0);
    }
}

int
main(void)
{
    for (int mode = 0; mode <= 3; mode++) {
        CHECK_CHILD(check_mode, &mode, 0, "");
    }
    return 0;
}
