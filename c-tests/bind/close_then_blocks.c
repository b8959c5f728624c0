// matrix: mech
// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Send and close in one pass behind another deferral leaves nothing behind that keeps the loop awake.

#include "flow.h"

static void
on_deferral(struct evpl *evpl, void *private_data)
{
    (void) evpl, (void) private_data;
}

int
main(void)
{
    struct evpl_deferral deferral = { 0 };
    struct flow flow              = { 0 };
    uint64_t cpu;

    flow_init(&flow);
    flow.evpl = test_evpl_with(0, 1, 2);
    flow_connect(&flow);
    evpl_deferral_init(&deferral, on_deferral, NULL);
    evpl_defer(flow.evpl, &deferral);
    evpl_send(flow.evpl, flow.client.bind, "lost", 4);
    evpl_close(flow.evpl, flow.client.bind);
    RUN_UNTIL(flow.evpl, flow.client.disconnected && flow.server->disconnected, FLOW_WAIT_MS);
    for (int i = 0; i < 10; i++) {
        evpl_continue(flow.evpl);
    }
    cpu = test_now_ns();
    for (int i = 0; i < 50; i++) {
        evpl_continue(flow.evpl);
    }
    CHECK(test_now_ns() - cpu > 50000000ull);
    flow_end(&flow);
    return 0;
}
