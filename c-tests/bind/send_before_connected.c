// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// What is sent before CONNECTED is kept and delivered in order after it.

#include "flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    char buffer[1000];

    flow_start(&flow);
    flow_dial(&flow, &flow.client);
    for (int i = 0; i < 10; i++) {
        pattern_fill(buffer, sizeof(buffer), (uint64_t) i * sizeof(buffer));
        evpl_send(flow.evpl, flow.client.bind, buffer, sizeof(buffer));
    }
    CHECK_EQ(flow.client.connected, 0);
    RUN_UNTIL(flow.evpl, flow.server->length == 10 * sizeof(buffer), FLOW_WAIT_MS);
    CHECK(flow.client.connected == 1);
    CHECK(pattern_matches(flow.server->data, flow.server->length, 0));
    flow_end(&flow);
    return 0;
}
