// protocols: DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// One send is one message of the same length and content, in order.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    unsigned char bytes[9000];
    uint64_t position = 0;

    flow_connect(&flow);
    for (int i = 0; i < 200; i++) {
        unsigned int length = 1 + (unsigned int) (i * 977) % 9000;

        pattern_fill(bytes, length, position);
        side_send(&flow.client, bytes, length);
        position += length;
        if (i % 10 == 9) {
            RUN_UNTIL(flow.evpl, flow.server->length == position, FLOW_WAIT_MS);
        }
    }
    CHECK_EQ(flow.server->message_count, 200);
    for (int i = 0; i < 200; i++) {
        CHECK_EQ(flow.server->messages[i], 1 + (i * 977) % 9000);
    }
    CHECK(pattern_matches(flow.server->data, position, 0));
    CHECK_EQ(flow.server->recv_data, 0);
    flow_end(&flow);
    return 0;
}
