// protocols: STREAM_SOCKET_TCP STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Detaching while connections wait for the loop: no attach callback afterwards, and their peers are told.

#include "counters.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct counters clients = { 0 }, servers = { 0 };
    struct evpl *other;

    counters_start(&flow);
    other        = test_evpl();
    flow.binding = evpl_listener_attach(flow.evpl, flow.listener, counters_attach, &servers);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);
    for (int i = 0; i < 5; i++) {
        counters_dial(&clients, other, &flow);
    }
    RUN_UNTIL(other, clients.connected == 5, FLOW_WAIT_MS);
    // The accept thread hands them over; the loop they are for does not run.
    loop_idle(other, 100);
    evpl_listener_detach(flow.evpl, flow.binding);
    flow.binding = NULL;
    loop_idle(flow.evpl, 50);
    CHECK_EQ(servers.attached, 0);
    RUN_UNTIL(other, clients.disconnected == 5, FLOW_WAIT_MS);
    evpl_destroy(other);
    flow_end(&flow);
    return 0;
}
