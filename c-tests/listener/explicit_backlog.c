// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX

// A backlog of one is honoured, and connections still all get through. They are few, as each
// one that the kernel turns away at first waits a second, then two, then four.

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
    for (int i = 0; i < 8; i++) {
        counters_dial(&clients, flow.evpl, &flow);
        // One at a time: what finds the backlog full is tried again by the peer's kernel, ever more slowly.
        RUN_UNTIL(flow.evpl, clients.connected > i, FLOW_WAIT_MS);
    }
    RUN_UNTIL(flow.evpl, clients.connected == 8 && servers.connected == 8, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
