// net: yes

// No route to the peer: DISCONNECTED from the loop, never an abort or NULL.

#include "flow.h"

int
main(void)
{
    struct flow flow = { .protocol = EVPL_STREAM_SOCKET_TCP };

    library_init(NULL);
    flow.evpl     = test_evpl();
    flow.endpoint = evpl_endpoint_create("192.0.2.1", 9);
    flow_dial(&flow, &flow.client);
    RUN_UNTIL(flow.evpl, flow.client.disconnected, FLOW_WAIT_MS);
    CHECK_EQ(flow.client.connected, 0);
    flow_end(&flow);
    return 0;
}
