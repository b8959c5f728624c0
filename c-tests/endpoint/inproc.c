// matrix: none
// In-process names: bare or behind inproc://, at most 107 bytes, with anything in them.
#include "../test.h"

static void
check(const char *name, int accepted)
{
    int errors                     = test_log_errors;
    struct evpl_endpoint *endpoint = evpl_endpoint_create_inproc(name);
    char text[300];

    CHECK((endpoint != NULL) == accepted);
    CHECK_EQ(test_log_errors, errors + !accepted);
    if (endpoint != NULL) {
        snprintf(text, sizeof(text), "inproc://%s", name);
        CHECK_STR(evpl_endpoint_address(endpoint), text);
        CHECK_EQ(evpl_endpoint_port(endpoint), 0);
        CHECK_EQ(evpl_endpoint_is_inproc(endpoint), 1);
        CHECK_EQ(evpl_endpoint_is_local(endpoint), 0);
        evpl_endpoint_close(endpoint);
    }
}

int
main(void)
{
    struct evpl_endpoint *endpoint;
    char name[200];

    test_log_capture();
    check(NULL, 0);
    check("", 0);
    check("a", 1);
    check("/looks/like a path #1 @\"", 1);
    check("inproc://twice", 1);
    memset(name, 'x', sizeof(name));
    name[107] = '\0';
    check(name, 1);
    name[107] = 'x';
    name[108] = '\0';
    check(name, 0);

    endpoint = evpl_endpoint_create("inproc://named", 99);
    CHECK(endpoint != NULL);
    CHECK_STR(evpl_endpoint_address(endpoint), "inproc://named");
    CHECK_EQ(evpl_endpoint_port(endpoint), 0);
    CHECK_EQ(evpl_endpoint_is_inproc(endpoint), 1);
    evpl_endpoint_close(endpoint);
    CHECK(evpl_endpoint_create("inproc://", 99) == NULL);
    return 0;
}
