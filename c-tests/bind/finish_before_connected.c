// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Send and finish before CONNECTED: the bytes arrive, then both ends are over.

#include "flow.h"

int
main(void)
{
    struct flow flow = { 0 };

    flow_start(&flow);
    flow_dial(&flow, &flow.client);
    evpl_send(flow.evpl, flow.client.bind, "one shot", 8);
    evpl_finish(flow.evpl, flow.client.bind);
    RUN_UNTIL(flow.evpl, flow.client.disconnected && flow.server->disconnected, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->length, 8);
    CHECK(memcmp(flow.server->data, "one shot", 8) == 0);
    flow_end(&flow);
    return 0;
}
