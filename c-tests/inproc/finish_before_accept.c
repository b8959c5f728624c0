// protocols: STREAM_INPROC DATAGRAM_INPROC

// A client that sends and finishes before the server's loop has run is delivered all the same, and so are the
// messages themselves.

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
    flow.client.bind = evpl_connect(other, flow.protocol, NULL, flow.endpoint, side_notify, NULL, &flow.client);
    CHECK(flow.client.bind != NULL);
    evpl_send(other, flow.client.bind, "first", 5);
    evpl_send(other, flow.client.bind, "second", 6);
    evpl_finish(other, flow.client.bind);
    RUN_UNTIL(other, flow.client.disconnected, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->attached, 0);
    evpl_destroy(other);

    RUN_UNTIL(flow.evpl, flow.server->disconnected, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->connected, 1);
    CHECK_EQ(flow.server->length, 11);
    CHECK(memcmp(flow.server->data, "firstsecond", 11) == 0);
    flow_end(&flow);
    return 0;
}
