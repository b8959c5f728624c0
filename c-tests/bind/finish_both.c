// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Both ends send and finish at once: a finishing end still receives until it has sent all.

#include "flow.h"

#define LENGTH 3000u

static int
on_side(struct side *side, struct evpl_notify *notify)
{
    static const char bytes[LENGTH];

    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA || notify->notify_type == EVPL_NOTIFY_RECV_MSG) {
        if (side == side->flow->server && !evpl_bind_is_closing(side->bind)) {
            evpl_send(side->evpl, side->bind, bytes, LENGTH);
            evpl_finish(side->evpl, side->bind);
        }
    }
    return 0;
}

int
main(void)
{
    struct flow flow = { .server_hook = on_side };
    char bytes[LENGTH] = { 0 };

    flow_connect(&flow);
    evpl_send(flow.evpl, flow.client.bind, bytes, LENGTH);
    RUN_UNTIL(flow.evpl, flow.client.disconnected && flow.server->disconnected, FLOW_WAIT_MS);
    CHECK_EQ(flow.client.length, LENGTH);
    CHECK_EQ(flow.server->length, LENGTH);
    flow_end(&flow);
    return 0;
}
