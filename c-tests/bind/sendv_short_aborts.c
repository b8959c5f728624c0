// expect: exit 134 stderr=.
// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// A list of iovecs shorter than the length it is sent with is the caller's bug.

#include "flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct evpl_iovec iovec;

    flow_connect(&flow);
    side_alloc(&flow.client, &iovec, 10, 0);
    side_sendv(&flow.client, &iovec, 1, 11, 0);
    return 0;
}
