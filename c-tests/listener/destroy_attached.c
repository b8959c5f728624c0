// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Destroying a listener leaves its connections alone and says nothing; attachments may be detached after it, or
// not at all before their loop goes.

#include "counters.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct counters clients = { 0 }, servers = { 0 };
    struct evpl_listener_binding *second;

    counters_start(&flow);
    flow.binding = evpl_listener_attach(flow.evpl, flow.listener, counters_attach, &servers);
    second       = evpl_listener_attach(flow.evpl, flow.listener, counters_attach, &servers);
    CHECK(second != NULL);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);
    counters_dial(&clients, flow.evpl, &flow);
    RUN_UNTIL(flow.evpl, servers.connected == 1, FLOW_WAIT_MS);
    evpl_listener_destroy(flow.listener);
    flow.listener = NULL;
    loop_idle(flow.evpl, 20);
    CHECK_EQ(clients.disconnected + servers.disconnected, 0);
    evpl_send(flow.evpl, servers.last, "alive", 5);
    RUN_UNTIL(flow.evpl, clients.received == 5, FLOW_WAIT_MS);
    // Nobody listens any more.
    counters_dial(&clients, flow.evpl, &flow);
    RUN_UNTIL(flow.evpl, clients.disconnected == 1, FLOW_WAIT_MS);
    evpl_listener_detach(flow.evpl, flow.binding);
    flow.binding = NULL;
    flow_end(&flow);
    return 0;
}
