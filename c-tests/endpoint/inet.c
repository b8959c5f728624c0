// matrix: none
// An inet endpoint keeps what it was given, without a check or a lookup.
#include "../test.h"

int
main(void)
{
    static const char *const names[] = { "127.0.0.1", "no.such.host.invalid", "", "::1", "x y" };

    test_log_capture();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char name[64];
        struct evpl_endpoint *endpoint;

        strcpy(name, names[i]);
        endpoint = evpl_endpoint_create(name, 4000 + (int) i);
        memset(name, 'z', sizeof(name));
        CHECK(endpoint != NULL);
        CHECK_STR(evpl_endpoint_address(endpoint), names[i]);
        CHECK_EQ(evpl_endpoint_port(endpoint), 4000 + (int) i);
        CHECK_EQ(evpl_endpoint_is_local(endpoint), 0);
        CHECK_EQ(evpl_endpoint_is_inproc(endpoint), 0);
        evpl_endpoint_close(endpoint);
    }
    CHECK_EQ(test_log_errors, 0);
    return 0;
}
