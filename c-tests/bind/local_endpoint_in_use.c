// A local endpoint that cannot be bound is a failed connect: DISCONNECTED, later.

#include "flow.h"

int
main(void)
{
    struct flow flow = { .protocol = EVPL_STREAM_SOCKET_TCP };
    struct evpl_endpoint *local;

    library_init(NULL);
    flow_start(&flow);
    local = evpl_endpoint_create("192.0.2.77", 0);
    flow.client.flow = &flow;
    flow.client.evpl = flow.evpl;
    flow.client.bind = evpl_connect(flow.evpl, flow.protocol, local, flow.endpoint, side_notify, NULL, &flow.client);
    CHECK(flow.client.bind != NULL);
    flow.client.attached = 1;
    RUN_UNTIL(flow.evpl, flow.client.disconnected, FLOW_WAIT_MS);
    CHECK_EQ(flow.client.connected, 0);
    evpl_endpoint_close(local);
    flow_end(&flow);
    return 0;
}
