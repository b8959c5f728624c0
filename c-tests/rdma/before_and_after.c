// protocols: DATAGRAM_INPROC DATAGRAM_TCP_RDMA
// timeout: 60

// A read sees memory as it was before the writes and messages that follow it in the same pass, however long it is:
// before the write, and before what the server does when it gets the message. One of a later pass sees it after.

#include "rdma_flow.h"

#define LENGTH (1u << 20)
#define COUNT  40

static struct flow flow;
static struct evpl_iovec remote, local[COUNT];

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    (void) side;
    if (notify->notify_type == EVPL_NOTIFY_RECV_MSG) {
        memset(remote.data, 'm', LENGTH);
    }
    return 0;
}

static void
check_all(const struct evpl_iovec *iovec, char expected)
{
    for (unsigned int i = 0; i < LENGTH; i++) {
        CHECK_EQ(((const char *) iovec->data)[i], expected);
    }
}

int
main(void)
{
    struct operation reads[COUNT + 1], write;
    struct evpl_iovec source;
    uint32_t key;
    uint64_t address;

    flow.server_hook = on_server;
    flow_connect(&flow);
    shared_alloc(flow.evpl, &remote, LENGTH, 0);
    evpl_rdma_get_address(flow.evpl, flow.server->bind, &remote, &key, &address);
    for (int i = 0; i < COUNT; i++) {
        shared_alloc(flow.evpl, &local[i], LENGTH, 0);
    }
    for (int round = 0; round < 4; round++) {
        // The last two have more on their way than is copied.
        int count = round < 2 ? 2 : COUNT;

        memset(reads, 0, sizeof(reads));
        memset(&write, 0, sizeof(write));
        memset(remote.data, 'r', LENGTH);
        if (round % 2) {
            evpl_send(flow.evpl, flow.client.bind, "now", 3);
        } else {
            shared_alloc(flow.evpl, &source, LENGTH, 'w');
            evpl_rdma_write(flow.evpl, flow.client.bind, key, address, &source, 1, EVPL_RDMA_FLAG_TAKE_REF,
                            operation_done, &write);
        }
        for (int i = 0; i < count; i++) {
            evpl_rdma_read(flow.evpl, flow.client.bind, key, address, &local[i], 1, operation_done, &reads[i]);
        }
        RUN_UNTIL(flow.evpl, reads[count - 1].done, FLOW_WAIT_MS);
        for (int i = 0; i < count; i++) {
            CHECK_EQ(reads[i].status, 0);
            check_all(&local[i], 'r');
        }
        evpl_rdma_read(flow.evpl, flow.client.bind, key, address, &local[0], 1, operation_done, &reads[COUNT]);
        RUN_UNTIL(flow.evpl, reads[COUNT].done, FLOW_WAIT_MS);
        CHECK(round % 2 || write.done);
        check_all(&local[0], round % 2 ? 'm' : 'w');
    }
    evpl_iovecs_release(flow.evpl, local, COUNT);
    evpl_iovec_release(flow.evpl, &remote);
    flow_end(&flow);
    return 0;
}
