// protocols: DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Finish sends every queued message first.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { 0 };

    flow_connect(&flow);
    for (int i = 0; i < 100; i++) {
        side_send(&flow.client, "message", 7);
    }
    evpl_finish(flow.evpl, flow.client.bind);
    RUN_UNTIL(flow.evpl, flow.client.disconnected && flow.server->recv_msg == 100, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
