// net: yes
// protocols: DATAGRAM_SOCKET_UDP

// Datagrams over IPv6.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    char text[EVPL_ADDRESS_STRLEN];

    flow_init(&flow);
    flow.evpl            = test_evpl();
    flow.server          = &flow.accepted[0];
    flow.endpoint        = evpl_endpoint_create("::1", free_port(SOCK_DGRAM));
    flow.client_endpoint = evpl_endpoint_create("::1", 0);
    flow.server->flow    = &flow;
    flow.server->evpl    = flow.evpl;
    flow.server->attached = flow.server->unconnected = flow.accepts = 1;
    flow.server->bind = evpl_bind(flow.evpl, flow.protocol, flow.endpoint, side_notify, flow.server);
    CHECK(flow.server->bind != NULL);
    flow_dial(&flow, &flow.client);
    evpl_bind_get_local_address(flow.client.bind, text, sizeof(text));
    CHECK(strncmp(text, "[::1]:", 6) == 0);
    side_send(&flow.client, "six", 3);
    RUN_UNTIL(flow.evpl, flow.server->length == 3, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
