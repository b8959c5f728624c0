// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// SENT adds up to exactly the bytes queued when the transport takes them in many steps.

#include "flow.h"

#define LENGTH (8u << 20)

int
main(void)
{
    struct flow flow = { 0 };
    unsigned char *bytes = malloc(LENGTH);

    pattern_fill(bytes, LENGTH, 0);
    flow_connect(&flow);
    evpl_bind_request_send_notifications(flow.evpl, flow.client.bind);
    for (unsigned int done = 0; done < LENGTH; done += LENGTH / 64) {
        evpl_send(flow.evpl, flow.client.bind, bytes + done, LENGTH / 64);
    }
    free(bytes);
    RUN_UNTIL(flow.evpl, flow.server->length == LENGTH, FLOW_WAIT_MS);
    RUN_UNTIL(flow.evpl, flow.client.sent_bytes >= flow_sent_bytes(&flow, LENGTH, 64), FLOW_WAIT_MS);
    CHECK_EQ(flow.client.sent_bytes, flow_sent_bytes(&flow, LENGTH, 64));
    CHECK(pattern_matches(flow.server->data, LENGTH, 0));
    flow_end(&flow);
    return 0;
}
