// matrix: none
// A huge page size that cannot be is reported once and changes nothing.
#include "../test.h"

int
main(void)
{
    static const uint64_t bad[] = { 0, 1, 4096, 3 << 20, (2ULL << 20) + 1, 1ULL << 35, UINT64_MAX };
    static const uint64_t good[] = { 2 << 20, 1 << 30, 1ULL << 34 };
    struct evpl_global_config *config = evpl_global_config_init();

    test_log_capture();
    for (int i = 0; i < 7; i++) {
        evpl_global_config_set_huge_page_size(config, bad[i]);
        CHECK_EQ(test_log_errors, i + 1);
    }
    for (int i = 0; i < 3; i++) {
        evpl_global_config_set_huge_page_size(config, good[i]);
        CHECK_EQ(test_log_errors, 7);
    }
    evpl_init(config);
    evpl_destroy(test_evpl());
    return 0;
}
