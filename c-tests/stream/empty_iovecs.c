// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// Iovecs without bytes between others do not look like the end of the stream.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct evpl_iovec iovecs[300];

    flow_connect(&flow);
    for (int i = 0; i < 300; i++) {
        side_alloc(&flow.client, &iovecs[i], 4, 0);
        iovecs[i].length = i == 299;
    }
    evpl_sendv(flow.evpl, flow.client.bind, iovecs, 300, 1, EVPL_SEND_FLAG_TAKE_REF);
    RUN_UNTIL(flow.evpl, flow.server->length == 1, FLOW_WAIT_MS);
    for (int i = 0; i < 300; i++) {
        side_alloc(&flow.client, &iovecs[i], 4, 0);
        iovecs[i].length = 0;
    }
    evpl_sendv(flow.evpl, flow.client.bind, iovecs, 300, 0, EVPL_SEND_FLAG_TAKE_REF);
    loop_idle(flow.evpl, 20);
    evpl_send(flow.evpl, flow.client.bind, "x", 1);
    RUN_UNTIL(flow.evpl, flow.server->length == 2, FLOW_WAIT_MS);
    CHECK(!flow.client.disconnected);
    flow_end(&flow);
    return 0;
}
