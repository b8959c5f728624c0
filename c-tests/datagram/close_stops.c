// protocols: DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Closing inside the first of many messages: no other is delivered.

#include "../bind/flow.h"

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    if (notify->notify_type == EVPL_NOTIFY_RECV_MSG) {
        evpl_close(side->evpl, side->bind);
    }
    return 0;
}

int
main(void)
{
    struct flow flow = { .server_hook = on_server };

    flow_connect(&flow);
    for (int i = 0; i < 10; i++) {
        side_send(&flow.client, "message", 7);
    }
    RUN_UNTIL(flow.evpl, flow.server->disconnected, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->recv_msg, 1);
    flow_end(&flow);
    return 0;
}
