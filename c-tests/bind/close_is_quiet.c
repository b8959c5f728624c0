// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Closing calls nobody back inside the call nor in the same pass; a second close and sends on the closing
// bind change nothing, and their references come back.

#include "flow.h"

static int closed_in_pass = -1, pass;

static void
on_iteration_end(struct evpl *evpl, void *private_data)
{
    (void) evpl, (void) private_data;
    pass++;
}

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    struct evpl_iovec iovec;

    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA || notify->notify_type == EVPL_NOTIFY_RECV_MSG) {
        evpl_close(side->evpl, side->bind);
        evpl_close(side->evpl, side->bind);
        CHECK_EQ(evpl_bind_is_closing(side->bind), 1);
        closed_in_pass = pass;
        side_alloc(side, &iovec, 100, 0);
        evpl_sendv(side->evpl, side->bind, &iovec, 1, 100, EVPL_SEND_FLAG_TAKE_REF);
        evpl_send(side->evpl, side->bind, "late", 4);
        evpl_finish(side->evpl, side->bind);
        CHECK_EQ(side->disconnected, 0);
    }
    if (notify->notify_type == EVPL_NOTIFY_DISCONNECTED) {
        CHECK(pass > closed_in_pass);
        CHECK_EQ(evpl_bind_is_closing(side->bind), 1);
        evpl_close(side->evpl, side->bind);
    }
    return 0;
}

int
main(void)
{
    struct flow flow             = { .server_hook = on_server };
    struct evpl_loop_hooks hooks = { .iteration_end = on_iteration_end };

    flow_connect(&flow);
    evpl_set_loop_hooks(flow.evpl, &hooks);
    evpl_send(flow.evpl, flow.client.bind, "x", 1);
    RUN_UNTIL(flow.evpl, flow.client.disconnected && flow.server->disconnected, FLOW_WAIT_MS);
    CHECK_EQ(flow.client.length, 0);
    flow_end(&flow);
    return 0;
}
