// protocols: DATAGRAM_SOCKET_UDP

// A buffer smaller than the longest datagram is legal: what fits is delivered, the rest dropped.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { .config = test_config() };
    static unsigned char bytes[9000];

    evpl_global_config_set_buffer_size(flow.config, 8192);
    evpl_global_config_set_slab_size(flow.config, 16 << 20);
    flow_connect(&flow);
    pattern_fill(bytes, sizeof(bytes), 0);
    side_send(&flow.client, bytes, 8192);
    side_send(&flow.client, bytes, 8193);
    side_send(&flow.client, bytes, 9000);
    side_send(&flow.client, bytes, 10);
    RUN_UNTIL(flow.evpl, flow.server->recv_msg == 2, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->messages[0], 8192);
    CHECK_EQ(flow.server->messages[1], 10);
    CHECK(pattern_matches(flow.server->data, 8192, 0));
    flow_end(&flow);
    return 0;
}
