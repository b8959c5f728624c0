// matrix: mech
// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA
// timeout: 60

// One evpl_send may be larger than any number of buffers.

#include "flow.h"

#define LENGTH (64u << 20)

int
main(void)
{
    struct flow flow = { 0 };
    unsigned char *bytes = malloc(LENGTH);

    pattern_fill(bytes, LENGTH, 0);
    flow_connect(&flow);
    evpl_send(flow.evpl, flow.client.bind, bytes, LENGTH);
    memset(bytes, 0, LENGTH);
    free(bytes);
    RUN_UNTIL(flow.evpl, flow.server->length == LENGTH, FLOW_WAIT_MS);
    CHECK(pattern_matches(flow.server->data, LENGTH, 0));
    if (flow_is_message(&flow)) {
        CHECK_EQ(flow.server->recv_msg, 1);
    }
    flow_end(&flow);
    return 0;
}
