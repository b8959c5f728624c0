// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// A bind may be closed from inside its attach callback and each of its notifications.

#include "flow.h"

static unsigned int close_at;

static int
on_side(struct side *side, struct evpl_notify *notify)
{
    if (notify->notify_type == close_at) {
        evpl_close(side->evpl, side->bind);
        CHECK_EQ(evpl_bind_is_closing(side->bind), 1);
    }
    return 0;
}

static void
on_attach(struct side *side)
{
    if (close_at == 0) {
        evpl_send(side->evpl, side->bind, "gone", 4);
        evpl_close(side->evpl, side->bind);
    }
}

static void
run(int at_server)
{
    struct flow flow = {
        .attach_hook = at_server ? on_attach : NULL,
        .server_hook = at_server ? on_side : NULL,
        .client_hook = at_server ? NULL : on_side,
    };

    flow_start(&flow);
    flow_dial(&flow, &flow.client);
    evpl_bind_request_send_notifications(flow.evpl, flow.client.bind);
    side_send(&flow.client, "ask", 3);
    if (close_at != 0 && close_at != EVPL_NOTIFY_CONNECTED && at_server) {
        RUN_UNTIL(flow.evpl, flow.server->recv_data || flow.server->recv_msg, FLOW_WAIT_MS);
    }
    if (flow.server->bind && !evpl_bind_is_closing(flow.server->bind)) {
        evpl_bind_request_send_notifications(flow.evpl, flow.server->bind);
        side_send(flow.server, "answer", 6);
    } else if (!at_server) {
        RUN_UNTIL(flow.evpl, flow.server->attached, FLOW_WAIT_MS);
        if (flow.server->bind) {
            side_send(flow.server, "answer", 6);
        }
    }
    if (flow.datagram_unconnected) {
        RUN_UNTIL(flow.evpl, at_server ? flow.server->disconnected : flow.client.disconnected, FLOW_WAIT_MS);
    } else {
        RUN_UNTIL(flow.evpl, flow.client.disconnected && flow.server->disconnected, FLOW_WAIT_MS);
    }
    flow_end(&flow);
}

int
main(void)
{
    static const unsigned int kinds[] = { 0, EVPL_NOTIFY_CONNECTED, EVPL_NOTIFY_RECV_DATA,
                                          EVPL_NOTIFY_RECV_MSG, EVPL_NOTIFY_SENT };
    int abstract;

    library_init(NULL);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        enum evpl_protocol_id protocol = flow_protocol(&abstract);
        int stream                     = evpl_protocol_is_stream(protocol);

        close_at = kinds[i];
        if (close_at == (stream ? EVPL_NOTIFY_RECV_MSG : EVPL_NOTIFY_RECV_DATA)) {
            continue;
        }
        if (protocol == EVPL_DATAGRAM_SOCKET_UDP && close_at <= EVPL_NOTIFY_CONNECTED) {
            continue;
        }
        run(1);
        if (close_at != 0) {
            run(0);
        }
    }
    return 0;
}
