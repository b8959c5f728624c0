// A listener on 0.0.0.0: accepted connections show the address the client dialled.

#include "counters.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct counters clients = { 0 }, servers = { 0 };
    struct evpl_endpoint *any;
    char text[EVPL_ADDRESS_STRLEN];

    setenv("EVPL_TEST_PROTOCOL", "STREAM_SOCKET_TCP", 1);
    counters_start(&flow);
    any          = evpl_endpoint_create("0.0.0.0", flow.port);
    flow.binding = evpl_listener_attach(flow.evpl, flow.listener, counters_attach, &servers);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, any), 0);
    evpl_endpoint_close(any);
    counters_dial(&clients, flow.evpl, &flow);
    RUN_UNTIL(flow.evpl, servers.connected == 1, FLOW_WAIT_MS);
    evpl_bind_get_local_address(servers.last, text, sizeof(text));
    CHECK_STR(text, flow.text);
    flow_end(&flow);
    return 0;
}
