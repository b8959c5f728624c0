// protocols: DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Operations queued when the bind closes complete exactly once with ECONNRESET, before DISCONNECTED; their
// references come back.

#include "rdma_flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct operation operations[6];
    struct evpl_iovec remote, local, source;
    uint32_t key;
    uint64_t address;

    flow_connect(&flow);
    shared_alloc(flow.evpl, &remote, 100, 1);
    shared_alloc(flow.evpl, &local, 100, 2);
    evpl_rdma_get_address(flow.evpl, flow.server->bind, &remote, &key, &address);
    memset(operations, 0, sizeof(operations));
    for (int i = 0; i < 6; i++) {
        operations[i].side = &flow.client;
        if (i % 2 == 0) {
            evpl_rdma_read(flow.evpl, flow.client.bind, key, address, &local, 1, operation_done, &operations[i]);
        } else {
            shared_alloc(flow.evpl, &source, 100, 3);
            evpl_rdma_write(flow.evpl, flow.client.bind, key, address, &source, 1, EVPL_RDMA_FLAG_TAKE_REF,
                            operation_done, &operations[i]);
        }
    }
    evpl_close(flow.evpl, flow.client.bind);
    for (int i = 0; i < 6; i++) {
        CHECK_EQ(operations[i].done, 0);
    }
    RUN_UNTIL(flow.evpl, flow.client.disconnected, FLOW_WAIT_MS);
    for (int i = 0; i < 6; i++) {
        CHECK_EQ(operations[i].done, 1);
        CHECK_EQ(operations[i].status, ECONNRESET);
    }
    CHECK(*(char *) remote.data == 1 && *(char *) local.data == 2);
    evpl_iovec_release(flow.evpl, &remote);
    evpl_iovec_release(flow.evpl, &local);
    flow_end(&flow);
    return 0;
}
