// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// A connect closed before the loop ran ends in one DISCONNECTED; so does a loop destroyed at once.

#include "flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct side other = { 0 };

    flow_start(&flow);
    flow_dial(&flow, &flow.client);
    evpl_close(flow.evpl, flow.client.bind);
    CHECK_EQ(flow.client.disconnected, 0);
    RUN_UNTIL(flow.evpl, flow.client.disconnected, FLOW_WAIT_MS);
    flow_dial(&flow, &other);
    flow_end(&flow);
    side_end(&other);
    return 0;
}
