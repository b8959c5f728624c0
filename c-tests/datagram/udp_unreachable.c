// net: yes
// protocols: DATAGRAM_SOCKET_UDP

// No route for one datagram among others: only that one is lost.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct evpl_endpoint *nowhere, *any;
    struct side wide = { 0 };

    flow_connect(&flow);
    nowhere          = evpl_endpoint_create("192.0.2.1", 9);
    any              = evpl_endpoint_create("0.0.0.0", 0);
    wide.flow        = &flow;
    wide.evpl        = flow.evpl;
    wide.peer        = flow.endpoint;
    wide.unconnected = wide.attached = 1;
    wide.bind        = evpl_bind(flow.evpl, flow.protocol, any, side_notify, &wide);
    CHECK(wide.bind != NULL);
    side_send(&wide, "one", 3);
    evpl_sendtoep(flow.evpl, wide.bind, nowhere, "lost", 4);
    side_send(&wide, "two", 3);
    RUN_UNTIL(flow.evpl, flow.server->length == 6, FLOW_WAIT_MS);
    CHECK(!wide.disconnected);
    evpl_endpoint_close(nowhere);
    evpl_endpoint_close(any);
    flow_end(&flow);
    side_end(&wide);
    return 0;
}
