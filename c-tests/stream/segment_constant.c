// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// A constant answer cuts the stream into messages of that size, however the bytes arrive.

#include "../bind/flow.h"

static int
five(struct evpl *evpl, struct evpl_bind *bind, void *private_data)
{
    (void) evpl, (void) bind, (void) private_data;
    return 5;
}

int
main(void)
{
    struct flow flow = { .server_segment = five };
    char bytes[17];

    flow_connect(&flow);
    pattern_fill(bytes, 17, 0);
    evpl_send(flow.evpl, flow.client.bind, bytes, 17);
    RUN_UNTIL(flow.evpl, flow.server->recv_msg == 3, FLOW_WAIT_MS);
    loop_idle(flow.evpl, 20);
    CHECK_EQ(flow.server->length, 15);
    pattern_fill(bytes, 3, 17);
    evpl_send(flow.evpl, flow.client.bind, bytes, 3);
    RUN_UNTIL(flow.evpl, flow.server->recv_msg == 4, FLOW_WAIT_MS);
    CHECK(pattern_matches(flow.server->data, 20, 0));
    CHECK_EQ(flow.server->recv_data, 0);
    flow_end(&flow);
    return 0;
}
