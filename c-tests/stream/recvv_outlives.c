// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// References from evpl_recvv are the caller's: they outlive the connection and can be sent on.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { .server_keep = 1 };
    struct evpl_iovec iovecs[4];
    unsigned char bytes[5000];
    uint64_t taken = 0;
    int niov, length;

    flow_connect(&flow);
    pattern_fill(bytes, sizeof(bytes), 0);
    evpl_send(flow.evpl, flow.client.bind, bytes, sizeof(bytes));
    RUN_UNTIL(flow.evpl, evpl_peek(flow.evpl, flow.server->bind, bytes, 5000) == 5000, FLOW_WAIT_MS);
    niov = evpl_recvv(flow.evpl, flow.server->bind, iovecs, 4, 5000, &length);
    CHECK_EQ(length, 5000);
    evpl_sendv(flow.evpl, flow.server->bind, iovecs, niov, 5000, 0);
    RUN_UNTIL(flow.evpl, flow.client.length == 5000, FLOW_WAIT_MS);
    evpl_close(flow.evpl, flow.client.bind);
    RUN_UNTIL(flow.evpl, flow.server->disconnected && flow.client.disconnected, FLOW_WAIT_MS);
    for (int i = 0; i < niov; i++) {
        CHECK(pattern_matches(iovecs[i].data, iovecs[i].length, taken));
        taken += iovecs[i].length;
    }
    CHECK(pattern_matches(flow.client.data, 5000, 0));
    evpl_iovecs_release(flow.evpl, iovecs, niov);
    flow_end(&flow);
    return 0;
}
