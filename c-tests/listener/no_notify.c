// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// An attach callback that sets no notify callback loses that connection and nothing else.

#include "counters.h"

static int lazy;

static void
attach(struct evpl *evpl, struct evpl_bind *bind, evpl_notify_callback_t *notify, evpl_segment_callback_t *segment,
       void **conn_private, void *private_data)
{
    if (lazy) {
        lazy--;
        return;
    }
    counters_attach(evpl, bind, notify, segment, conn_private, private_data);
}

int
main(void)
{
    struct flow flow = { 0 };
    struct counters clients = { 0 }, servers = { 0 };

    counters_start(&flow);
    lazy         = 2;
    flow.binding = evpl_listener_attach(flow.evpl, flow.listener, attach, &servers);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);
    counters_dial(&clients, flow.evpl, &flow);
    counters_dial(&clients, flow.evpl, &flow);
    RUN_UNTIL(flow.evpl, clients.disconnected == 2, FLOW_WAIT_MS);
    counters_dial(&clients, flow.evpl, &flow);
    RUN_UNTIL(flow.evpl, servers.connected == 1, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
