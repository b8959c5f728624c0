// matrix: none
// An endpoint of another kind than the protocol's is refused with a line, never an abort.
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
    static const enum evpl_protocol_id streams[] = { EVPL_STREAM_SOCKET_TCP,
                                                     EVPL_STREAM_SOCKET_UNIX, EVPL_STREAM_INPROC };
    struct evpl_endpoint *endpoints[3];
    struct evpl *evpl;
    int errors = 0;

    test_log_capture();
    test_init();
    evpl         = test_evpl();
    endpoints[0] = evpl_endpoint_create("127.0.0.1", 1);
    endpoints[1] = evpl_endpoint_create_local("@kind mismatch");
    endpoints[2] = evpl_endpoint_create_inproc("kind mismatch");
    for (int p = 0; p < 3; p++) {
        for (int e = 0; e < 3; e++) {
            struct evpl_listener *listener;

            if (p == e) {
                continue;
            }
            CHECK(evpl_connect(evpl, streams[p], NULL, endpoints[e], notify, NULL, NULL) == NULL);
            CHECK(evpl_connect(evpl, streams[p], endpoints[e], endpoints[p], notify, NULL, NULL) ==
                  NULL);
            CHECK_EQ(test_log_errors, errors + 2);
            listener = evpl_listener_create();
            CHECK_EQ(evpl_listen(listener, streams[p], endpoints[e]), -1);
            CHECK_EQ(test_log_errors, errors + 3);
            evpl_listener_destroy(listener);
            errors += 3;
        }
    }
    for (int e = 1; e < 3; e++) {
        CHECK(evpl_bind(evpl, EVPL_DATAGRAM_SOCKET_UDP, endpoints[e], notify, NULL) == NULL);
        CHECK_EQ(test_log_errors, ++errors);
    }
    RUN_PASSES(evpl, 3);
    for (int e = 0; e < 3; e++) {
        evpl_endpoint_close(endpoints[e]);
    }
    evpl_destroy(evpl);
    return 0;
}
