// protocols: STREAM_INPROC DATAGRAM_INPROC

// SHARED memory crosses by reference: the receiver sees the sender's pointer. LOCAL memory is copied.

#include "../bind/flow.h"

static void *seen;
static unsigned int seen_length;

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    struct evpl_iovec iovec;

    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA) {
        CHECK_EQ(evpl_recvv(side->evpl, side->bind, &iovec, 1, 1 << 20, NULL), 1);
    } else if (notify->notify_type == EVPL_NOTIFY_RECV_MSG) {
        CHECK_EQ(notify->recv_msg.niov, 1);
        evpl_iovec_move(&iovec, notify->recv_msg.iovec);
    } else {
        return 0;
    }
    seen        = iovec.data;
    seen_length = iovec.length;
    CHECK(pattern_matches(iovec.data, iovec.length, 0));
    evpl_iovec_release(side->evpl, &iovec);
    return 1;
}

int
main(void)
{
    struct flow flow = { .server_hook = on_server };
    struct evpl_iovec iovec;
    void *data;

    flow_connect(&flow);
    CHECK_EQ(evpl_iovec_alloc(flow.evpl, 100000, 4096, 1, EVPL_IOVEC_FLAG_SHARED, &iovec), 1);
    pattern_fill(iovec.data, 100000, 0);
    data = iovec.data;
    evpl_sendv(flow.evpl, flow.client.bind, &iovec, 1, 99999, EVPL_SEND_FLAG_TAKE_REF);
    RUN_UNTIL(flow.evpl, seen != NULL, FLOW_WAIT_MS);
    CHECK(seen == data);
    CHECK_EQ(seen_length, 99999);

    seen = NULL;
    side_alloc(&flow.client, &iovec, 1000, 0);
    evpl_sendv(flow.evpl, flow.client.bind, &iovec, 1, 1000, 0);
    RUN_UNTIL(flow.evpl, seen != NULL, FLOW_WAIT_MS);
    CHECK(seen != iovec.data);
    CHECK_EQ(seen_length, 1000);
    evpl_iovec_release(flow.evpl, &iovec);
    flow_end(&flow);
    return 0;
}
