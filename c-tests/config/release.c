// matrix: none
// A config that was not adopted can be released at any time; releasing the adopted one is ignored.
#include "../test.h"

unsigned int evpl_global_config_get_http_max_header_size(void);

int
main(void)
{
    struct evpl_global_config *adopted = evpl_global_config_init();
    struct evpl_global_config *before  = evpl_global_config_init();
    struct evpl_global_config *after   = evpl_global_config_init();
    struct evpl_global_config *late;

    evpl_global_config_set_http_max_header_size(adopted, 1111);
    evpl_global_config_release(before);
    test_log_capture();
    evpl_init(adopted);
    evpl_global_config_release(after);
    late = evpl_global_config_init();
    evpl_global_config_set_http_max_header_size(late, 2222);
    evpl_global_config_release(late);
    CHECK_EQ(test_log_errors, 0);
    evpl_global_config_release(adopted);
    CHECK_EQ(test_log_errors, 1);
    CHECK_EQ(evpl_global_config_get_http_max_header_size(), 1111);
    evpl_destroy(test_evpl());
    return 0;
}
