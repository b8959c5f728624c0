// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Nobody listens: evpl_connect returns a bind, and DISCONNECTED comes from the loop without CONNECTED;
// what was queued is released.

#include "flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct evpl_iovec iovec;

    flow_init(&flow);
    flow.evpl     = test_evpl();
    flow.endpoint = flow_endpoint(&flow);
    for (int i = 0; i < 3; i++) {
        memset(&flow.client, 0, sizeof(flow.client));
        flow_dial(&flow, &flow.client);
        side_alloc(&flow.client, &iovec, 100, 0);
        evpl_sendv(flow.evpl, flow.client.bind, &iovec, 1, 100, EVPL_SEND_FLAG_TAKE_REF);
        if (i == 1) {
            evpl_finish(flow.evpl, flow.client.bind);
        }
        if (i == 2) {
            evpl_close(flow.evpl, flow.client.bind);
        }
        RUN_UNTIL(flow.evpl, flow.client.disconnected, FLOW_WAIT_MS);
        CHECK_EQ(flow.client.connected, 0);
    }
    flow_end(&flow);
    return 0;
}
