// protocols: DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// A message of 1500 pieces arrives as one message.

#include "../bind/flow.h"

#define PIECES 1500

int
main(void)
{
    struct flow flow = { 0 };
    struct evpl_iovec iovecs[PIECES];

    flow_connect(&flow);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < PIECES; i++) {
            side_alloc(&flow.client, &iovecs[i], 8, (uint64_t) i * 7);
            iovecs[i].length = 7;
        }
        side_sendv(&flow.client, iovecs, PIECES, 7 * PIECES, EVPL_SEND_FLAG_TAKE_REF);
    }
    RUN_UNTIL(flow.evpl, flow.server->recv_msg == 3, FLOW_WAIT_MS);
    for (size_t round = 0; round < 3; round++) {
        CHECK_EQ(flow.server->messages[round], 7 * PIECES);
        CHECK(pattern_matches(flow.server->data + round * 7 * PIECES, 7 * PIECES, 0));
    }
    flow_end(&flow);
    return 0;
}
