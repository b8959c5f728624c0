// protocols: STREAM_SOCKET_TCP STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Nobody attached: the connection is closed at once; after an attach the next one is served.

#include "counters.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct counters clients = { 0 }, servers = { 0 };

    counters_start(&flow);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);
    for (int i = 0; i < 3; i++) {
        counters_dial(&clients, flow.evpl, &flow);
    }
    RUN_UNTIL(flow.evpl, clients.disconnected == 3, FLOW_WAIT_MS);
    if (flow.protocol != EVPL_STREAM_INPROC && flow.protocol != EVPL_DATAGRAM_INPROC) {
        int fd = raw_dial(&flow);

        CHECK(raw_is_closed(fd, FLOW_WAIT_MS));
        close(fd);
    }
    flow.binding = evpl_listener_attach(flow.evpl, flow.listener, counters_attach, &servers);
    counters_dial(&clients, flow.evpl, &flow);
    RUN_UNTIL(flow.evpl, servers.connected == 1, FLOW_WAIT_MS);
    loop_idle(flow.evpl, 20);
    CHECK_EQ(clients.disconnected, 3);
    flow_end(&flow);
    return 0;
}
