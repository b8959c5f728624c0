// matrix: none
// A host name has at most 255 bytes; NULL and longer ones are refused with a line in the log.
#include "../test.h"

int
main(void)
{
    static char name[300];
    struct evpl_endpoint *endpoint;

    test_log_capture();
    memset(name, 'a', 255);
    endpoint = evpl_endpoint_create(name, 1);
    CHECK(endpoint != NULL);
    CHECK_STR(evpl_endpoint_address(endpoint), name);
    evpl_endpoint_close(endpoint);
    CHECK_EQ(test_log_errors, 0);
    name[255] = 'a';
    CHECK(evpl_endpoint_create(name, 1) == NULL);
    CHECK_EQ(test_log_errors, 1);
    CHECK(evpl_endpoint_create(NULL, 1) == NULL);
    CHECK_EQ(test_log_errors, 2);
    return 0;
}
