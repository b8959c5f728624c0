// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// On a stream with a segment callback SENT counts each send whose last byte was taken.

#include "flow.h"

static int
never(struct evpl *evpl, struct evpl_bind *bind, void *private_data)
{
    (void) evpl, (void) bind, (void) private_data;
    return 0;
}

int
main(void)
{
    struct flow flow = { .client_segment = never };
    static char bytes[100000];

    flow_connect(&flow);
    evpl_bind_request_send_notifications(flow.evpl, flow.client.bind);
    for (int i = 0; i < 50; i++) {
        evpl_send(flow.evpl, flow.client.bind, bytes, sizeof(bytes));
    }
    RUN_UNTIL(flow.evpl, flow.client.sent_bytes == 50 * sizeof(bytes), FLOW_WAIT_MS);
    CHECK_EQ(flow.client.sent_msgs, 50);
    flow_end(&flow);
    return 0;
}
