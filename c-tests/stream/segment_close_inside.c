// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// Closing inside a message's callback: no later message of that connection is delivered.

#include "../bind/flow.h"

static int
ten(struct evpl *evpl, struct evpl_bind *bind, void *private_data)
{
    (void) evpl, (void) bind, (void) private_data;
    return 10;
}

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    if (notify->notify_type == EVPL_NOTIFY_RECV_MSG && side->recv_msg == 2) {
        evpl_close(side->evpl, side->bind);
    }
    return 0;
}

int
main(void)
{
    struct flow flow = { .server_segment = ten, .server_hook = on_server };
    char bytes[45]   = { 0 };

    flow_connect(&flow);
    evpl_send(flow.evpl, flow.client.bind, bytes, sizeof(bytes));
    RUN_UNTIL(flow.evpl, flow.server->disconnected && flow.client.disconnected, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->recv_msg, 2);
    flow_end(&flow);
    return 0;
}
