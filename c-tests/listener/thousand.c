// timeout: 60
// matrix: mode
// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// A thousand connections at once over one listener with its default backlog: all echo, all end.

#include "counters.h"

#define COUNT 1000

int
main(void)
{
    static struct evpl_bind *binds[COUNT];
    struct flow flow = { 0 };
    struct counters clients = { 0 }, servers = { 0 };

    counters_start(&flow);
    flow.binding = evpl_listener_attach(flow.evpl, flow.listener, counters_attach, &servers);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);
    for (int i = 0; i < COUNT; i++) {
        binds[i] = counters_dial(&clients, flow.evpl, &flow);
        evpl_send(flow.evpl, binds[i], "hello", 5);
    }
    RUN_UNTIL(flow.evpl, clients.connected == COUNT && servers.received == 5 * COUNT, FLOW_WAIT_MS);
    CHECK_EQ(servers.connected, COUNT);
    for (int i = 0; i < COUNT; i++) {
        evpl_finish(flow.evpl, binds[i]);
    }
    RUN_UNTIL(flow.evpl, clients.disconnected == COUNT && servers.disconnected == COUNT, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
