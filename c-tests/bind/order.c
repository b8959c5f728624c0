// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// CONNECTED first, then what was received, DISCONNECTED last, each at most once, on both ends.

#include "flow.h"

int
main(void)
{
    struct flow flow = { 0 };

    flow_connect(&flow);
    side_send(&flow.client, "hello", 5);
    RUN_UNTIL(flow.evpl, flow.server->length == 5, FLOW_WAIT_MS);
    side_send(flow.server, "again", 5);
    RUN_UNTIL(flow.evpl, flow.client.length == 5, FLOW_WAIT_MS);
    CHECK(memcmp(flow.server->data, "hello", 5) == 0);
    CHECK(memcmp(flow.client.data, "again", 5) == 0);

    evpl_close(flow.evpl, flow.client.bind);
    if (flow.datagram_unconnected) {
        evpl_close(flow.evpl, flow.server->bind);
    }
    RUN_UNTIL(flow.evpl, flow.client.disconnected && flow.server->disconnected, FLOW_WAIT_MS);
    // side_notify fails on anything that comes after it.
    loop_idle(flow.evpl, 30);
    CHECK_EQ(flow.client.connected, flow.datagram_unconnected ? 0 : 1);
    flow_end(&flow);
    return 0;
}
