// matrix: none
// A port outside 0..65535 is kept, and fails when it is used.
#include "../test.h"

static void
notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *event, void *unused)
{
    (void) evpl;
    (void) bind;
    (void) event;
    (void) unused;
    CHECK(0);
}

int
main(void)
{
    static const int ports[] = { -1, 65536, 0x7fffffff, -2147483647 - 1 };
    struct evpl *evpl;

    test_log_capture();
    test_init();
    evpl = test_evpl();
    for (int i = 0; i < 4; i++) {
        struct evpl_endpoint *endpoint = evpl_endpoint_create("127.0.0.1", ports[i]);

        CHECK(endpoint != NULL);
        CHECK_EQ(evpl_endpoint_port(endpoint), ports[i]);
        CHECK(evpl_connect(evpl, EVPL_STREAM_SOCKET_TCP, NULL, endpoint, notify, NULL, NULL) ==
              NULL);
        CHECK(evpl_bind(evpl, EVPL_DATAGRAM_SOCKET_UDP, endpoint, notify, NULL) == NULL);
        CHECK_EQ(test_log_errors, 2 * (i + 1));
        evpl_endpoint_close(endpoint);
    }
    evpl_destroy(evpl);
    return 0;
}
