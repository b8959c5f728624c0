// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// SENT: none unless asked for; then the bytes add up to what was queued, earlier queued bytes included,
// and messages are counted where the protocol has them.

#include "flow.h"

static int
on_client(struct side *side, struct evpl_notify *notify)
{
    // A callback may send; bound it.
    if (notify->notify_type == EVPL_NOTIFY_SENT && side->sent == 1) {
        side_send(side, "from sent", 9);
    }
    return 0;
}

int
main(void)
{
    struct flow flow = { .client_hook = on_client };
    char bytes[700]  = { 0 };

    flow_connect(&flow);
    side_send(&flow.client, bytes, sizeof(bytes));
    RUN_UNTIL(flow.evpl, flow.server->length == 700, FLOW_WAIT_MS);
    CHECK_EQ(flow.client.sent, 0);

    side_send(&flow.client, bytes, 5);
    side_send(&flow.client, bytes, 6);
    evpl_bind_request_send_notifications(flow.evpl, flow.client.bind);
    side_send(&flow.client, bytes, 7);
    RUN_UNTIL(flow.evpl, flow.server->length == 700 + 18 + 9, FLOW_WAIT_MS);
    RUN_UNTIL(flow.evpl, flow.client.sent_bytes == flow_sent_bytes(&flow, 18 + 9, 4), FLOW_WAIT_MS);
    if (flow_is_message(&flow) || evpl_protocol_is_inproc(flow.protocol)) {
        CHECK_EQ(flow.client.sent_msgs, 4);
    } else {
        CHECK_EQ(flow.client.sent_msgs, 0);
    }
    CHECK_EQ(flow.server->sent, 0);
    flow_end(&flow);
    return 0;
}
