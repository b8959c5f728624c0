// protocols: DATAGRAM_SOCKET_UDP

// A port in use: evpl_bind returns NULL, and the loop goes on.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct side other = { 0 };

    flow_connect(&flow);
    for (int i = 0; i < 3; i++) {
        CHECK(evpl_bind(flow.evpl, flow.protocol, flow.endpoint, side_notify, &other) == NULL);
    }
    side_send(&flow.client, "still", 5);
    RUN_UNTIL(flow.evpl, flow.server->length == 5, FLOW_WAIT_MS);
    CHECK_EQ(other.disconnected, 0);
    flow_end(&flow);
    return 0;
}
