// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Endpoints may be closed right after the call that used them.

#include "flow.h"

int
main(void)
{
    struct flow flow = { 0 };

    flow_start(&flow);
    flow_dial(&flow, &flow.client);
    side_send(&flow.client, "x", 1);
    flow.client.peer = NULL;
    evpl_endpoint_close(flow.endpoint);
    RUN_UNTIL(flow.evpl, flow.server->length == 1, FLOW_WAIT_MS);
    flow.endpoint = evpl_endpoint_create("127.0.0.1", 1);
    flow_end(&flow);
    return 0;
}
