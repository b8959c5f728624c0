// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// The same for a loop that was stopped, with references queued.

#include "flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct evpl_iovec iovec;

    flow_connect(&flow);
    side_alloc(&flow.client, &iovec, 1000, 0);
    side_sendv(&flow.client, &iovec, 1, 1000, EVPL_SEND_FLAG_TAKE_REF);
    evpl_stop(flow.evpl);
    flow_end(&flow);
    return 0;
}
