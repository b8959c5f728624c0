// protocols: STREAM_SOCKET_TCP STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// A loop destroyed with connections waiting for it and an attachment left: the peers are told, the listener goes
// on with its other attachments.

#include "counters.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct counters clients = { 0 }, lost = { 0 }, servers = { 0 };
    struct evpl *other;

    counters_start(&flow);
    other = test_evpl();
    CHECK(evpl_listener_attach(other, flow.listener, counters_attach, &lost) != NULL);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);
    for (int i = 0; i < 4; i++) {
        counters_dial(&clients, flow.evpl, &flow);
    }
    RUN_UNTIL(flow.evpl, clients.connected == 4, FLOW_WAIT_MS);
    loop_idle(flow.evpl, 100);
    evpl_destroy(other);
    RUN_UNTIL(flow.evpl, clients.disconnected == 4, FLOW_WAIT_MS);
    CHECK_EQ(lost.attached, lost.disconnected);

    flow.binding = evpl_listener_attach(flow.evpl, flow.listener, counters_attach, &servers);
    for (int i = 0; i < 3; i++) {
        counters_dial(&clients, flow.evpl, &flow);
    }
    RUN_UNTIL(flow.evpl, servers.connected == 3, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
