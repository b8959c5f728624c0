// A Unix client may have a name of its own, which both ends show.

#include "flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct evpl_endpoint *local;
    char name[108], text[EVPL_ADDRESS_STRLEN], expected[EVPL_ADDRESS_STRLEN];

    setenv("EVPL_TEST_PROTOCOL", "STREAM_SOCKET_UNIX", 1);
    flow_start(&flow);
    snprintf(name, sizeof(name), "@evpl-client-%d", (int) getpid());
    snprintf(expected, sizeof(expected), "unix:%s", name);
    local            = evpl_endpoint_create_local(name);
    flow.client.flow = &flow;
    flow.client.evpl = flow.evpl;
    flow.client.bind = evpl_connect(flow.evpl, flow.protocol, local, flow.endpoint, side_notify, NULL, &flow.client);
    CHECK(flow.client.bind != NULL);
    flow.client.attached = 1;
    evpl_endpoint_close(local);
    RUN_UNTIL(flow.evpl, flow.server->connected && flow.client.connected, FLOW_WAIT_MS);
    evpl_bind_get_remote_address(flow.server->bind, text, sizeof(text));
    CHECK_STR(text, expected);
    evpl_bind_get_local_address(flow.client.bind, text, sizeof(text));
    CHECK_STR(text, expected);
    flow_end(&flow);
    return 0;
}
