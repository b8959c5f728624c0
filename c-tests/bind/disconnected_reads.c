// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// Inside DISCONNECTED unread bytes and addresses are still there, and a send is thrown away.

#include "flow.h"

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    char text[EVPL_ADDRESS_STRLEN];
    struct evpl_iovec iovec;
    char bytes[8];

    if (notify->notify_type != EVPL_NOTIFY_DISCONNECTED) {
        return 0;
    }
    CHECK_EQ(evpl_peek(side->evpl, side->bind, bytes, 8), 6);
    CHECK_EQ(evpl_recv(side->evpl, side->bind, bytes, 3, 0), 3);
    CHECK(memcmp(bytes, "unr", 3) == 0);
    evpl_bind_get_local_address(side->bind, text, sizeof(text));
    CHECK_STR(text, side->flow->text);
    side_alloc(side, &iovec, 10, 0);
    evpl_sendv(side->evpl, side->bind, &iovec, 1, 10, EVPL_SEND_FLAG_TAKE_REF);
    evpl_send(side->evpl, side->bind, "void", 4);
    return 0;
}

int
main(void)
{
    struct flow flow = { .server_hook = on_server, .server_keep = 1 };

    flow_connect(&flow);
    evpl_send(flow.evpl, flow.client.bind, "unread", 6);
    RUN_UNTIL(flow.evpl, flow.server->recv_data, FLOW_WAIT_MS);
    evpl_close(flow.evpl, flow.client.bind);
    RUN_UNTIL(flow.evpl, flow.server->disconnected, FLOW_WAIT_MS);
    loop_idle(flow.evpl, 20);
    flow_end(&flow);
    return 0;
}
