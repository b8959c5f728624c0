// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// A send of no bytes: an empty message where there are messages, nothing on a stream; never an abort.

#include "flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct evpl_iovec iovec;
    int message;

    flow_connect(&flow);
    message = flow_is_message(&flow);
    side_send(&flow.client, NULL, 0);
    side_send(&flow.client, "", 0);
    side_alloc(&flow.client, &iovec, 10, 0);
    side_sendv(&flow.client, &iovec, 1, 0, EVPL_SEND_FLAG_TAKE_REF);
    side_alloc(&flow.client, &iovec, 10, 0);
    side_sendv(&flow.client, &iovec, 1, 0, 0);
    evpl_iovec_release(flow.evpl, &iovec);
    side_send(&flow.client, "end", 3);
    RUN_UNTIL(flow.evpl, flow.server->length == 3, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->message_count, message ? 5 : 0);
    if (message) {
        for (int i = 0; i < 4; i++) {
            CHECK_EQ(flow.server->messages[i], 0);
        }
        CHECK_EQ(flow.server->messages[4], 3);
    } else {
        CHECK_EQ(flow.server->recv_data, 1);
    }
    CHECK(!flow.client.disconnected);
    flow_end(&flow);
    return 0;
}
