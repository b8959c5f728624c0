// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// When SENT runs, the references of the bytes it reports are gone.

#include "flow.h"

static struct evpl_iovec mine;

static int
on_client(struct side *side, struct evpl_notify *notify)
{
    (void) side;
    if (notify->notify_type == EVPL_NOTIFY_SENT) {
        // The test's own reference, and the one the loop holds on the buffer it fills.
        CHECK(mine.ref->refcnt <= 2);
    }
    return 0;
}

int
main(void)
{
    struct flow flow = { .client_hook = on_client };

    flow_connect(&flow);
    evpl_bind_request_send_notifications(flow.evpl, flow.client.bind);
    side_alloc(&flow.client, &mine, 1000, 0);
    side_sendv(&flow.client, &mine, 1, 1000, 0);
    CHECK(mine.ref->refcnt == 3);
    RUN_UNTIL(flow.evpl, flow.client.sent == 1, FLOW_WAIT_MS);
    evpl_iovec_release(flow.evpl, &mine);
    flow_end(&flow);
    return 0;
}
