// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// evpl_finish from inside CONNECTED, a receive callback and SENT delivers what was sent before it.

#include "flow.h"

static unsigned int finish_at;

static int
on_client(struct side *side, struct evpl_notify *notify)
{
    if (notify->notify_type == finish_at && !evpl_bind_is_closing(side->bind)) {
        evpl_send(side->evpl, side->bind, "last words", 10);
        evpl_finish(side->evpl, side->bind);
    }
    return 0;
}

static void
run(unsigned int type)
{
    struct flow flow = { .client_hook = on_client };
    size_t before    = type == EVPL_NOTIFY_CONNECTED ? 0 : 5;

    finish_at = type;
    flow_start(&flow);
    flow_dial(&flow, &flow.client);
    if (type != EVPL_NOTIFY_CONNECTED) {
        RUN_UNTIL(flow.evpl, flow.client.connected && flow.server->connected, FLOW_WAIT_MS);
        evpl_send(flow.evpl, flow.client.bind, "first", 5);
        evpl_bind_request_send_notifications(flow.evpl, flow.client.bind);
        if (type != EVPL_NOTIFY_SENT) {
            evpl_send(flow.evpl, flow.server->bind, "go", 2);
        }
    }
    RUN_UNTIL(flow.evpl, flow.client.disconnected && flow.server->disconnected, FLOW_WAIT_MS);
    CHECK(flow.server->length >= before + 10);
    CHECK(memcmp(flow.server->data + before, "last words", 10) == 0);
    flow_end(&flow);
}

int
main(void)
{
    int abstract;

    library_init(NULL);
    run(EVPL_NOTIFY_CONNECTED);
    run(evpl_protocol_is_stream(flow_protocol(&abstract)) ? EVPL_NOTIFY_RECV_DATA : EVPL_NOTIFY_RECV_MSG);
    run(EVPL_NOTIFY_SENT);
    return 0;
}
