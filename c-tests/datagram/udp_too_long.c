// protocols: DATAGRAM_SOCKET_UDP

// A datagram the kernel refuses is dropped alone, its references with it; its neighbours arrive.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct evpl_iovec iovec;
    static char bytes[70000];

    flow_connect(&flow);
    evpl_bind_request_send_notifications(flow.evpl, flow.client.bind);
    side_send(&flow.client, "before", 6);
    side_send(&flow.client, bytes, 65508);
    side_alloc(&flow.client, &iovec, 70000, 0);
    side_sendv(&flow.client, &iovec, 1, 70000, EVPL_SEND_FLAG_TAKE_REF);
    side_send(&flow.client, bytes, 65507);
    side_send(&flow.client, "after", 5);
    RUN_UNTIL(flow.evpl, flow.server->recv_msg == 3, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->messages[0], 6);
    CHECK_EQ(flow.server->messages[1], 65507);
    CHECK_EQ(flow.server->messages[2], 5);
    loop_idle(flow.evpl, 20);
    CHECK_EQ(flow.client.disconnected, 0);
    CHECK_EQ(flow.client.sent_msgs, 3);
    CHECK_EQ(flow.client.sent_bytes, 6 + 65507 + 5);
    // Finishing does not wait for what was dropped.
    side_send(&flow.client, bytes, 66000);
    evpl_finish(flow.evpl, flow.client.bind);
    RUN_UNTIL(flow.evpl, flow.client.disconnected, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
