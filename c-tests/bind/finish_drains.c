// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// evpl_finish right after sends delivers all of them, then closes.

#include "flow.h"

#define LENGTH (4u << 20)

int
main(void)
{
    struct flow flow = { 0 };
    unsigned char *bytes = malloc(LENGTH);

    pattern_fill(bytes, LENGTH, 0);
    flow_connect(&flow);
    CHECK_EQ(evpl_bind_is_closing(flow.client.bind), 0);
    evpl_send(flow.evpl, flow.client.bind, bytes, LENGTH / 2);
    evpl_finish(flow.evpl, flow.client.bind);
    CHECK_EQ(evpl_bind_is_closing(flow.client.bind), 1);
    CHECK_EQ(flow.client.disconnected, 0);
    // A send after finish but before the drain goes out too; finishing again is harmless.
    evpl_send(flow.evpl, flow.client.bind, bytes + LENGTH / 2, LENGTH / 2);
    evpl_finish(flow.evpl, flow.client.bind);
    free(bytes);
    RUN_UNTIL(flow.evpl, flow.server->disconnected && flow.client.disconnected, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->length, LENGTH);
    CHECK(pattern_matches(flow.server->data, LENGTH, 0));
    flow_end(&flow);
    return 0;
}
