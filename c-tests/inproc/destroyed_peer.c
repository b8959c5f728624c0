// protocols: STREAM_INPROC DATAGRAM_INPROC

// Destroying the loop of one end tells the other, after everything it had flushed.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct evpl *other;

    flow_start(&flow);
    other            = test_evpl();
    flow.client.flow = &flow;
    flow.client.evpl = other;
    flow.client.attached = 1;
    flow.client.bind = evpl_connect(other, flow.protocol, NULL, flow.endpoint, side_notify, NULL, &flow.client);
    RUN_UNTIL(other, flow.client.connected, FLOW_WAIT_MS);
    evpl_send(other, flow.client.bind, "flushed", 7);
    evpl_continue(other);
    evpl_continue(other);
    evpl_destroy(other);
    CHECK_EQ(flow.client.disconnected, 1);
    RUN_UNTIL(flow.evpl, flow.server->disconnected, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->length, 7);
    flow_end(&flow);
    return 0;
}
