// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// A negative answer closes the connection after the messages before it; the callback is not asked again.

#include "../bind/flow.h"

static int calls_after_no, said_no;

static int
until_stop(struct evpl *evpl, struct evpl_bind *bind, void *private_data)
{
    char byte;

    (void) private_data;
    calls_after_no += said_no;
    if (evpl_peek(evpl, bind, &byte, 1) < 1) {
        return 0;
    }
    if (byte == '!') {
        said_no = 1;
        return -1;
    }
    return 2;
}

int
main(void)
{
    struct flow flow = { .server_segment = until_stop };

    flow_connect(&flow);
    evpl_send(flow.evpl, flow.client.bind, "aabb!ccc", 8);
    RUN_UNTIL(flow.evpl, flow.server->disconnected && flow.client.disconnected, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->recv_msg, 2);
    CHECK(memcmp(flow.server->data, "aabb", 4) == 0);
    CHECK_EQ(calls_after_no, 0);
    flow_end(&flow);
    return 0;
}
