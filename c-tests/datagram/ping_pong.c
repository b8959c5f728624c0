// protocols: DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Ten thousand messages echoed with a hundred under way.

#include "../bind/flow.h"

#define MESSAGES 10000
#define DEPTH    100

static uint32_t sent, back;

static void
fill(struct side *side)
{
    while (sent < MESSAGES && sent - back < DEPTH) {
        side_send(side, &sent, 4);
        sent++;
    }
}

static int
on_client(struct side *side, struct evpl_notify *notify)
{
    uint32_t value;

    if (notify->notify_type == EVPL_NOTIFY_RECV_MSG) {
        CHECK_EQ(notify->recv_msg.length, 4);
        memcpy(&value, notify->recv_msg.iovec[0].data, 4);
        CHECK_EQ(value, back);
        back++;
        evpl_iovecs_release(side->evpl, notify->recv_msg.iovec, (int) notify->recv_msg.niov);
        fill(side);
        return 1;
    }
    return 0;
}

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    if (notify->notify_type == EVPL_NOTIFY_RECV_MSG) {
        evpl_sendtov(side->evpl, side->bind, notify->recv_msg.addr, notify->recv_msg.iovec,
                     (int) notify->recv_msg.niov, (int) notify->recv_msg.length, EVPL_SEND_FLAG_TAKE_REF);
        return 1;
    }
    return 0;
}

int
main(void)
{
    struct flow flow = { .client_hook = on_client, .server_hook = on_server };

    flow_connect(&flow);
    fill(&flow.client);
    RUN_UNTIL(flow.evpl, back == MESSAGES, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
