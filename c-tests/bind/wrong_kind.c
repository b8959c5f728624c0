// An endpoint of the wrong kind is refused: NULL from connect and bind, -1 from listen.

#include "flow.h"

static void
on_notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify, void *private_data)
{
    (void) evpl, (void) bind, (void) notify, (void) private_data;
    CHECK(!"a notification of a bind that does not exist");
}

int
main(void)
{
    static const enum evpl_protocol_id protocols[] = { EVPL_STREAM_SOCKET_TCP, EVPL_STREAM_SOCKET_UNIX,
                                                       EVPL_STREAM_INPROC, EVPL_DATAGRAM_INPROC };
    static const int kinds[]                       = { 0, 1, 2, 2 };
    struct evpl_endpoint *endpoints[3];
    struct evpl_listener *listener;
    struct evpl *evpl;

    test_init();
    evpl         = test_evpl();
    listener     = evpl_listener_create();
    endpoints[0] = evpl_endpoint_create("127.0.0.1", 1);
    endpoints[1] = evpl_endpoint_create_local(test_path("kind"));
    endpoints[2] = evpl_endpoint_create_inproc("kind");
    for (int p = 0; p < 4; p++) {
        for (int e = 0; e < 3; e++) {
            if (kinds[p] == e) {
                continue;
            }
            CHECK(evpl_connect(evpl, protocols[p], NULL, endpoints[e], on_notify, NULL, NULL) == NULL);
            CHECK(evpl_connect(evpl, protocols[p], endpoints[e], endpoints[kinds[p]], on_notify, NULL, NULL) == NULL);
            CHECK_EQ(evpl_listen(listener, protocols[p], endpoints[e]), -1);
        }
    }
    CHECK(evpl_bind(evpl, EVPL_DATAGRAM_SOCKET_UDP, endpoints[1], on_notify, NULL) == NULL);
    CHECK(evpl_bind(evpl, EVPL_DATAGRAM_SOCKET_UDP, endpoints[2], on_notify, NULL) == NULL);
    CHECK_EQ(evpl_listen(listener, EVPL_DATAGRAM_SOCKET_UDP, endpoints[0]), -1);
    CHECK(access(test_path("kind"), F_OK) != 0);

    loop_idle(evpl, 20);
    for (int e = 0; e < 3; e++) {
        evpl_endpoint_close(endpoints[e]);
    }
    evpl_listener_destroy(listener);
    evpl_destroy(evpl);
    return 0;
}
