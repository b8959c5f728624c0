// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// What the attach callback sends is the first thing the client gets.

#include "counters.h"

static void
on_attach(struct side *side)
{
    evpl_send(side->evpl, side->bind, "banner", 6);
}

int
main(void)
{
    struct flow flow = { .attach_hook = on_attach };

    flow_connect(&flow);
    evpl_send(flow.evpl, flow.server->bind, "more", 4);
    RUN_UNTIL(flow.evpl, flow.client.length == 10, FLOW_WAIT_MS);
    CHECK(memcmp(flow.client.data, "bannermore", 10) == 0);
    flow_end(&flow);
    return 0;
}
