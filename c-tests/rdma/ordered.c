// protocols: DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// A write is visible before a later send of the same bind arrives; SENT counts sends as messages, and writes as bytes
// where they go over a socket.

#include "rdma_flow.h"

static struct evpl_iovec remote;
static int round_now;

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    (void) side;
    if (notify->notify_type == EVPL_NOTIFY_RECV_MSG) {
        round_now++;
        CHECK(*(char *) remote.data == (char) round_now);
        CHECK(((char *) remote.data)[999] == (char) round_now);
    }
    return 0;
}

int
main(void)
{
    struct flow flow = { .server_hook = on_server };
    struct operation operations[20] = { { 0 } };
    struct evpl_iovec source;
    uint32_t key;
    uint64_t address;

    flow_connect(&flow);
    evpl_bind_request_send_notifications(flow.evpl, flow.client.bind);
    shared_alloc(flow.evpl, &remote, 1000, 0);
    evpl_rdma_get_address(flow.evpl, flow.server->bind, &remote, &key, &address);
    for (int i = 0; i < 20; i++) {
        shared_alloc(flow.evpl, &source, 1000, i + 1);
        evpl_rdma_write(flow.evpl, flow.client.bind, key, address, &source, 1, EVPL_RDMA_FLAG_TAKE_REF, operation_done,
                        &operations[i]);
        evpl_send(flow.evpl, flow.client.bind, "look", 4);
        RUN_UNTIL(flow.evpl, flow.server->recv_msg == i + 1, FLOW_WAIT_MS);
        RUN_UNTIL(flow.evpl, operations[i].done, FLOW_WAIT_MS);
        CHECK_EQ(operations[i].status, 0);
    }
    RUN_UNTIL(flow.evpl, flow.client.sent_msgs == 20, FLOW_WAIT_MS);
    CHECK_EQ(flow.client.sent_bytes,
             evpl_protocol_is_inproc(flow.protocol) ? 80 : flow_sent_bytes(&flow, 80 + 20 * 1000, 40));
    evpl_iovec_release(flow.evpl, &remote);
    flow_end(&flow);
    return 0;
}
