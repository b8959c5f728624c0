// protocols: STREAM_INPROC DATAGRAM_INPROC

// A name is free again once its listener is destroyed, and established connections outlive the listener.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { 0 };

    flow_connect(&flow);
    evpl_listener_detach(flow.evpl, flow.binding);
    flow.binding = NULL;
    evpl_listener_destroy(flow.listener);
    flow.listener = evpl_listener_create();
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);

    evpl_send(flow.evpl, flow.client.bind, "old", 3);
    RUN_UNTIL(flow.evpl, flow.server->length == 3, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
