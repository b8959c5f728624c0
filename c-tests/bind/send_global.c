// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// A GLOBAL buffer is sent without counting, and is the owner's again once the bytes have arrived.

#include "flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct evpl_iovec global, piece;

    flow_connect(&flow);
    evpl_iovec_alloc_global(flow.evpl, &global);
    pattern_fill(global.data, 5000, 0);
    piece        = global;
    piece.length = 2000;
    side_sendv(&flow.client, &piece, 1, 2000, 0);
    piece.data   = (char *) global.data + 2000;
    piece.length = 3000;
    side_sendv(&flow.client, &piece, 1, 3000, EVPL_SEND_FLAG_TAKE_REF);
    RUN_UNTIL(flow.evpl, flow.server->length == 5000, FLOW_WAIT_MS);
    CHECK(pattern_matches(flow.server->data, 5000, 0));
    CHECK_EQ(global.ref->refcnt, 1);
    evpl_iovec_release(flow.evpl, &global);
    CHECK(global.data == NULL);
    flow_end(&flow);
    return 0;
}
