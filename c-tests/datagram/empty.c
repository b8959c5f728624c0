// protocols: DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Empty messages are messages: finish waits for them, and SENT counts them.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { 0 };

    flow_connect(&flow);
    evpl_bind_request_send_notifications(flow.evpl, flow.client.bind);
    side_send(&flow.client, NULL, 0);
    side_send(&flow.client, NULL, 0);
    evpl_finish(flow.evpl, flow.client.bind);
    RUN_UNTIL(flow.evpl, flow.server->recv_msg == 2 && flow.client.disconnected, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->length, 0);
    CHECK_EQ(flow.client.sent_bytes, flow_sent_bytes(&flow, 0, 2));
    CHECK_EQ(flow.client.sent_msgs, 2);
    flow_end(&flow);
    return 0;
}
