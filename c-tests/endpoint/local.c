// matrix: none
// Paths and abstract names, from either constructor; the port is ignored.
#include "../test.h"

int
main(void)
{
    static const char *const names[] = { "/a", "/tmp/some/path.sock", "@a", "@abstract name" };

    test_log_capture();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct evpl_endpoint *local = evpl_endpoint_create_local(names[i]);
        struct evpl_endpoint *plain = evpl_endpoint_create(names[i], 1234);

        CHECK(local != NULL && plain != NULL && local != plain);
        CHECK_STR(evpl_endpoint_address(local), names[i]);
        CHECK_STR(evpl_endpoint_address(plain), names[i]);
        CHECK_EQ(evpl_endpoint_port(local), 0);
        CHECK_EQ(evpl_endpoint_port(plain), 0);
        CHECK_EQ(evpl_endpoint_is_local(local), 1);
        CHECK_EQ(evpl_endpoint_is_local(plain), 1);
        CHECK_EQ(evpl_endpoint_is_inproc(local), 0);
        CHECK_EQ(evpl_endpoint_is_inproc(plain), 0);
        evpl_endpoint_close(local);
        evpl_endpoint_close(plain);
    }
    CHECK_EQ(test_log_errors, 0);
    return 0;
}
