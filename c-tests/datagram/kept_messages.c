// protocols: DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// References of a message are the application's: they may be kept past the callback, moved into another send
// and released later.

#include "../bind/flow.h"

static struct evpl_iovec kept[10];
static unsigned int count;

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    if (notify->notify_type != EVPL_NOTIFY_RECV_MSG) {
        return 0;
    }
    CHECK_EQ(notify->recv_msg.niov, 1);
    if (notify->recv_msg.length == 50) {
        CHECK(count < 10);
        evpl_iovec_move(&kept[count++], &notify->recv_msg.iovec[0]);
        return 1;
    }
    side_sendv(side, notify->recv_msg.iovec, 1, (int) notify->recv_msg.length, EVPL_SEND_FLAG_TAKE_REF);
    return 1;
}

int
main(void)
{
    struct flow flow = { .server_hook = on_server };
    unsigned char bytes[60];

    flow_connect(&flow);
    for (uint64_t i = 0; i < 10; i++) {
        pattern_fill(bytes, 50, i * 50);
        side_send(&flow.client, bytes, 50);
    }
    pattern_fill(bytes, 60, 0);
    side_send(&flow.client, bytes, 60);
    RUN_UNTIL(flow.evpl, count == 10 && flow.client.length == 60, FLOW_WAIT_MS);
    CHECK(pattern_matches(flow.client.data, 60, 0));
    evpl_close(flow.evpl, flow.server->bind);
    RUN_UNTIL(flow.evpl, flow.server->disconnected, FLOW_WAIT_MS);
    for (unsigned int i = 0; i < 10; i++) {
        CHECK(pattern_matches(kept[i].data, 50, (uint64_t) i * 50));
    }
    evpl_iovecs_release(flow.evpl, kept, 10);
    flow_end(&flow);
    return 0;
}
