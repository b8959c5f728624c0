// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Binds are recycled: each life has its own private data, callbacks, flags and addresses.

#include "flow.h"

static int
on_client(struct side *side, struct evpl_notify *notify)
{
    if (notify->notify_type == EVPL_NOTIFY_CONNECTED) {
        CHECK_EQ(evpl_bind_is_closing(side->bind), 0);
    }
    return 0;
}

int
main(void)
{
    struct flow flow = { .client_hook = on_client };
    struct side side;
    char remote[EVPL_ADDRESS_STRLEN];

    flow_start(&flow);
    for (int i = 0; i < 100; i++) {
        memset(&side, 0, sizeof(side));
        flow.accepts = 0;
        flow_dial(&flow, &side);
        evpl_bind_get_remote_address(side.bind, remote, sizeof(remote));
        CHECK_STR(remote, flow.text);
        if (i % 3 == 0) {
            // Only this life asked for SENT.
            evpl_bind_request_send_notifications(flow.evpl, side.bind);
        }
        evpl_send(flow.evpl, side.bind, "abc", 3);
        RUN_UNTIL(flow.evpl, flow.server->length == 3, FLOW_WAIT_MS);
        if (i % 2 == 0) {
            evpl_close(flow.evpl, side.bind);
        } else {
            evpl_close(flow.evpl, flow.server->bind);
        }
        RUN_UNTIL(flow.evpl, side.disconnected && flow.server->disconnected, FLOW_WAIT_MS);
        CHECK_EQ(side.connected, 1);
        CHECK_EQ(side.length, 0);
        CHECK_EQ(side.sent, i % 3 == 0);
        side_end(&side);
        side_end(flow.server);
    }
    flow.accepts = 0;
    flow_end(&flow);
    return 0;
}
