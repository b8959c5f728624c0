// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// A close is finished although every wait of the loop reports something.

#include "flow.h"

static void
on_doorbell(struct evpl *evpl, struct evpl_doorbell *doorbell)
{
    (void) evpl;
    evpl_ring_doorbell(doorbell);
}

int
main(void)
{
    struct flow flow = { 0 };
    struct evpl_doorbell doorbell;

    flow_connect(&flow);
    evpl_add_doorbell(flow.evpl, &doorbell, on_doorbell);
    evpl_ring_doorbell(&doorbell);
    evpl_continue(flow.evpl);
    evpl_close(flow.evpl, flow.client.bind);
    for (int i = 0; i < 4; i++) {
        evpl_continue(flow.evpl);
    }
    CHECK_EQ(flow.client.disconnected, 1);
    evpl_remove_doorbell(flow.evpl, &doorbell);
    flow_end(&flow);
    return 0;
}
