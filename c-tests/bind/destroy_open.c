// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Destroying a loop closes its binds: each gets its DISCONNECTED before evpl_destroy returns.

#include "flow.h"

int
main(void)
{
    struct flow flow = { 0 };

    flow_connect(&flow);
    side_send(&flow.client, "queued", 6);
    side_send(flow.server, "queued", 6);
    // flow_end checks the count.
    flow_end(&flow);
    return 0;
}
