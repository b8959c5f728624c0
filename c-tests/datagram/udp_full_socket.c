// protocols: DATAGRAM_SOCKET_UDP

// More than the sockets hold: sending goes on until all is handed over, however much the receiver loses.

#include "../bind/flow.h"

#define MESSAGES 5000

int
main(void)
{
    struct flow flow = { 0 };
    static char bytes[4000];

    flow_connect(&flow);
    evpl_bind_request_send_notifications(flow.evpl, flow.client.bind);
    for (int i = 0; i < MESSAGES; i++) {
        side_send(&flow.client, bytes, sizeof(bytes));
    }
    RUN_UNTIL(flow.evpl, flow.client.sent_msgs == MESSAGES, FLOW_WAIT_MS);
    CHECK_EQ(flow.client.sent_bytes, MESSAGES * sizeof(bytes));
    flow_end(&flow);
    return 0;
}
