// matrix: none
// Without the metrics library in the process a queue-depth series is NULL, and NULL may be destroyed.
#include "../test.h"

struct prometheus_gauge_series *evpl_rpc2_queue_depth_create_series(const char *, const char *);
void evpl_rpc2_queue_depth_destroy_series(struct prometheus_gauge_series *);

int
main(void)
{
    test_log_capture();
    CHECK(evpl_rpc2_queue_depth_create_series("server", "1") == NULL);
    CHECK(evpl_rpc2_queue_depth_create_series("client", "2") == NULL);
    CHECK(evpl_rpc2_queue_depth_create_series("with \" quote", "2") == NULL);
    evpl_rpc2_queue_depth_destroy_series(NULL);
    evpl_destroy(test_evpl());
    return 0;
}
