// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// evpl_close drops what is queued and not handed over, releases its references, and tells both ends.

#include "flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct evpl_iovec iovec;

    flow_connect(&flow);
    side_alloc(&flow.client, &iovec, 1000, 0);
    evpl_sendv(flow.evpl, flow.client.bind, &iovec, 1, 1000, 0);
    evpl_close(flow.evpl, flow.client.bind);
    RUN_UNTIL(flow.evpl, flow.client.disconnected && flow.server->disconnected, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->length, 0);
    CHECK(iovec.ref->refcnt <= 2);
    evpl_iovec_release(flow.evpl, &iovec);
    flow_end(&flow);
    return 0;
}
