// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_SOCKET_UNIX

// A backlog of one is honoured, and connections still all get through.

#include "counters.h"

int
main(void)
{
    struct flow flow = { .config = test_config() };
    struct counters clients = { 0 }, servers = { 0 };

    evpl_global_config_set_max_pending(flow.config, 1);
    counters_start(&flow);
    flow.binding = evpl_listener_attach(flow.evpl, flow.listener, counters_attach, &servers);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);
    for (int i = 0; i < 50; i++) {
        counters_dial(&clients, flow.evpl, &flow);
        evpl_continue(flow.evpl);
    }
    RUN_UNTIL(flow.evpl, clients.connected == 50 && servers.connected == 50, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
