// protocols: DATAGRAM_SOCKET_UDP

// A plain socket talks to a bind: sizes, empty datagrams, and an answer to where it came from.

#include "../bind/flow.h"

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    if (notify->notify_type == EVPL_NOTIFY_RECV_MSG) {
        CHECK_EQ(notify->recv_msg.niov, 1);
        evpl_sendto(side->evpl, side->bind, notify->recv_msg.addr, notify->recv_msg.iovec[0].data,
                    notify->recv_msg.length);
    }
    return 0;
}

int
main(void)
{
    static const size_t sizes[] = { 0, 1, 1472, 65507, 0, 3 };
    static unsigned char bytes[65536];
    struct flow flow = { .server_hook = on_server };
    int fd;

    flow_start(&flow);
    fd = raw_dial(&flow);
    for (int i = 0; i < 6; i++) {
        pattern_fill(bytes, sizes[i], 0);
        CHECK_EQ(send(fd, bytes, sizes[i], 0), sizes[i]);
        RUN_UNTIL(flow.evpl, flow.server->recv_msg == i + 1, FLOW_WAIT_MS);
        CHECK_EQ(flow.server->messages[i], sizes[i]);
        RUN_UNTIL(flow.evpl, recv(fd, bytes, 0, MSG_PEEK | MSG_DONTWAIT) >= 0, FLOW_WAIT_MS);
        memset(bytes, 0, sizes[i]);
        CHECK_EQ(recv(fd, bytes, sizeof(bytes), 0), sizes[i]);
        CHECK(pattern_matches(bytes, sizes[i], 0));
    }
    close(fd);
    flow_end(&flow);
    return 0;
}
