// matrix: none
// net: yes
// A name that does not resolve is NULL or -1 with a line in the log.
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
    static const char *const names[] = { "256.256.256.256.", "not a host", "1.2.3.4.5" };
    struct evpl *evpl;

    test_log_capture();
    test_init();
    evpl = test_evpl();
    for (int i = 0; i < 3; i++) {
        struct evpl_endpoint *endpoint = evpl_endpoint_create(names[i], 5);
        struct evpl_listener *listener = evpl_listener_create();
        int errors                     = test_log_errors;

        CHECK(evpl_connect(evpl, EVPL_STREAM_SOCKET_TCP, NULL, endpoint, notify, NULL, NULL) ==
              NULL);
        CHECK(test_log_errors > errors);
        CHECK_EQ(evpl_listen(listener, EVPL_STREAM_SOCKET_TCP, endpoint), -1);
        CHECK(evpl_bind(evpl, EVPL_DATAGRAM_SOCKET_UDP, endpoint, notify, NULL) == NULL);
        evpl_listener_destroy(listener);
        evpl_endpoint_close(endpoint);
    }
    evpl_destroy(evpl);
    return 0;
}
