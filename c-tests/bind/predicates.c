// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// What a bind tells about itself.

#include "flow.h"

int
main(void)
{
    struct flow flow = { 0 };

    flow_connect(&flow);
    CHECK_EQ(evpl_bind_get_protocol(flow.client.bind), flow.protocol);
    CHECK_EQ(evpl_bind_get_protocol(flow.server->bind), flow.protocol);
    CHECK_EQ(evpl_bind_is_rdma(flow.client.bind),
             flow.protocol == EVPL_DATAGRAM_INPROC || flow.protocol == EVPL_DATAGRAM_TCP_RDMA);
    CHECK_EQ(evpl_bind_is_closing(flow.client.bind), 0);
    evpl_close(flow.evpl, flow.client.bind);
    CHECK_EQ(evpl_bind_is_closing(flow.client.bind), 1);
    if (!flow.datagram_unconnected) {
        RUN_UNTIL(flow.evpl, flow.server->disconnected, FLOW_WAIT_MS);
    }
    flow_end(&flow);
    return 0;
}
