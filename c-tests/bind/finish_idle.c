// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Finish with nothing queued closes; not inside the call.

#include "flow.h"

int
main(void)
{
    struct flow flow = { 0 };

    flow_connect(&flow);
    evpl_finish(flow.evpl, flow.client.bind);
    CHECK_EQ(flow.client.disconnected, 0);
    RUN_UNTIL(flow.evpl, flow.client.disconnected, FLOW_WAIT_MS);
    if (flow.datagram_unconnected) {
        evpl_finish(flow.evpl, flow.server->bind);
    }
    RUN_UNTIL(flow.evpl, flow.server->disconnected, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
