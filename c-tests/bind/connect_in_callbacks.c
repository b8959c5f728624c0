// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// A connection may be opened from inside CONNECTED, a receive callback, SENT, DISCONNECTED and attach.

#include "flow.h"

static struct side opened[5];
static int kinds_seen;

static void
open_one(struct side *side, int slot)
{
    if (!opened[slot].attached) {
        kinds_seen++;
        opened[slot].hook = NULL;
        flow_dial(side->flow, &opened[slot]);
        CHECK(opened[slot].bind != side->bind);
        evpl_send(side->evpl, opened[slot].bind, "nested", 6);
    }
}

static int
on_client(struct side *side, struct evpl_notify *notify)
{
    if (side != &side->flow->client) {
        return 0;
    }
    switch (notify->notify_type) {
    case EVPL_NOTIFY_CONNECTED:
        open_one(side, 0);
        break;
    case EVPL_NOTIFY_RECV_DATA:
    case EVPL_NOTIFY_RECV_MSG:
        open_one(side, 1);
        break;
    case EVPL_NOTIFY_SENT:
        open_one(side, 2);
        break;
    case EVPL_NOTIFY_DISCONNECTED:
        open_one(side, 3);
        break;
    }
    return 0;
}

static void
on_attach(struct side *side)
{
    if (side == side->flow->server) {
        open_one(side, 4);
    }
}

int
main(void)
{
    struct flow flow = { .client_hook = on_client, .attach_hook = on_attach };
    int arrived;

    flow_connect(&flow);
    evpl_bind_request_send_notifications(flow.evpl, flow.client.bind);
    evpl_send(flow.evpl, flow.client.bind, "ask", 3);
    evpl_send(flow.evpl, flow.server->bind, "answer", 6);
    RUN_UNTIL(flow.evpl, flow.client.length == 6 && flow.client.sent, FLOW_WAIT_MS);
    evpl_close(flow.evpl, flow.client.bind);
    RUN_UNTIL(flow.evpl, kinds_seen == 5 && flow.accepts == 6, FLOW_WAIT_MS);
    do {
        evpl_continue(flow.evpl);
        arrived = 0;
        for (int i = 0; i < flow.accepts; i++) {
            arrived += flow.accepted[i].length == 6;
        }
    } while (arrived < 5);
    flow_end(&flow);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(opened[i].connected, 1);
        side_end(&opened[i]);
    }
    return 0;
}
