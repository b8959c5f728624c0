// protocols: DATAGRAM_SOCKET_UDP

// Hundreds of datagrams in one pass, with batches of 1, 16 and 1000: all arrive in order, SENT adds up.

#include "../bind/flow.h"

#define MESSAGES 200

static void
body(void *argument)
{
    struct flow flow = { .config = test_config() };

    evpl_global_config_set_max_datagram_batch(flow.config, *(unsigned int *) argument);
    evpl_global_config_set_max_datagram_size(flow.config, 2048);
    flow_connect(&flow);
    evpl_bind_request_send_notifications(flow.evpl, flow.client.bind);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        side_send(&flow.client, &i, 4);
    }
    RUN_UNTIL(flow.evpl, flow.server->recv_msg == MESSAGES, FLOW_WAIT_MS);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        CHECK(memcmp(flow.server->data + 4 * i, &i, 4) == 0);
    }
    RUN_UNTIL(flow.evpl, flow.client.sent_msgs == MESSAGES, FLOW_WAIT_MS);
    CHECK_EQ(flow.client.sent_bytes, 4 * MESSAGES);
    flow_end(&flow);
}

int
main(void)
{
    static unsigned int batches[] = { 1, 16, 1000 };

    for (int i = 0; i < 3; i++) {
        CHECK_CHILD(body, &batches[i], 0, "");
    }
    return 0;
}
