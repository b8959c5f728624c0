// net: yes

// A name that nobody resolves: NULL from connect and bind, -1 from listen; sendtoep drops the message and
// releases it.

#include "flow.h"

int
main(void)
{
    struct evpl_endpoint *endpoint, *local;
    struct evpl_listener *listener;
    struct evpl_iovec iovec;
    struct flow flow = { 0 };

    setenv("EVPL_TEST_PROTOCOL", "DATAGRAM_SOCKET_UDP", 1);
    library_init(NULL);
    flow_connect(&flow);
    listener = evpl_listener_create();
    endpoint = evpl_endpoint_create("no such host.invalid", 80);
    CHECK(endpoint != NULL);
    CHECK(evpl_connect(flow.evpl, EVPL_STREAM_SOCKET_TCP, NULL, endpoint, side_notify, NULL, NULL) == NULL);
    CHECK_EQ(evpl_listen(listener, EVPL_STREAM_SOCKET_TCP, endpoint), -1);
    local = evpl_endpoint_create("127.0.0.1", 0);
    CHECK(evpl_bind(flow.evpl, EVPL_DATAGRAM_SOCKET_UDP, endpoint, side_notify, NULL) == NULL);

    evpl_sendtoep(flow.evpl, flow.client.bind, endpoint, "lost", 4);
    side_alloc(&flow.client, &iovec, 100, 0);
    evpl_sendtoepv(flow.evpl, flow.client.bind, endpoint, &iovec, 1, 100, EVPL_SEND_FLAG_TAKE_REF);
    side_send(&flow.client, "kept", 4);
    RUN_UNTIL(flow.evpl, flow.server->length == 4, FLOW_WAIT_MS);
    evpl_endpoint_close(endpoint);
    evpl_endpoint_close(local);
    evpl_listener_destroy(listener);
    flow_end(&flow);
    return 0;
}
