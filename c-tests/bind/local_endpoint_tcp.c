// A local endpoint given to evpl_connect is what the socket is bound to.

#include "flow.h"

int
main(void)
{
    struct flow flow = { .protocol = EVPL_STREAM_SOCKET_TCP };
    struct evpl_endpoint *local;
    char text[EVPL_ADDRESS_STRLEN], expected[EVPL_ADDRESS_STRLEN];
    int port;

    library_init(NULL);
    flow_start(&flow);
    port  = free_port(SOCK_STREAM);
    local = evpl_endpoint_create("127.0.0.1", port);
    flow.client.flow = &flow;
    flow.client.evpl = flow.evpl;
    flow.client.bind = evpl_connect(flow.evpl, flow.protocol, local, flow.endpoint, side_notify, NULL, &flow.client);
    CHECK(flow.client.bind != NULL);
    flow.client.attached = 1;
    evpl_endpoint_close(local);
    snprintf(expected, sizeof(expected), "127.0.0.1:%d", port);
    evpl_bind_get_local_address(flow.client.bind, text, sizeof(text));
    CHECK_STR(text, expected);
    RUN_UNTIL(flow.evpl, flow.server->connected && flow.client.connected, FLOW_WAIT_MS);
    evpl_bind_get_remote_address(flow.server->bind, text, sizeof(text));
    CHECK_STR(text, expected);
    flow_end(&flow);
    return 0;
}
