// matrix: none
// A loop, endpoints and a thread config that were never given back do not disturb the exit.
#include "../test.h"

int
main(void)
{
    struct evpl *evpl;

    test_init();
    CHECK(evpl_thread_config_init() != NULL);
    evpl = test_evpl();
    RUN_PASSES(evpl, 2);
    CHECK(evpl_endpoint_create("127.0.0.1", 5) != NULL);
    CHECK(evpl_endpoint_create_local("@left") != NULL);
    CHECK(evpl_endpoint_create_inproc("left") != NULL);
    return 0;
}
