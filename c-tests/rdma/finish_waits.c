// protocols: DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// A bind that finishes with operations under way closes when they are answered, not before.

#include "rdma_flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct operation operations[40] = { { 0 } };
    struct evpl_iovec remote, local;
    uint32_t key;
    uint64_t address;

    flow_connect(&flow);
    shared_alloc(flow.evpl, &remote, 1 << 20, 1);
    shared_alloc(flow.evpl, &local, 1 << 20, 2);
    evpl_rdma_get_address(flow.evpl, flow.server->bind, &remote, &key, &address);
    for (int i = 0; i < 40; i++) {
        operations[i].side = &flow.client;
        if (i % 2) {
            evpl_rdma_read(flow.evpl, flow.client.bind, key, address, &local, 1, operation_done, &operations[i]);
        } else {
            evpl_rdma_write(flow.evpl, flow.client.bind, key, address, &remote, 1, 0, operation_done, &operations[i]);
        }
    }
    evpl_finish(flow.evpl, flow.client.bind);
    RUN_UNTIL(flow.evpl, flow.client.disconnected && flow.server->disconnected, FLOW_WAIT_MS);
    for (int i = 0; i < 40; i++) {
        CHECK_EQ(operations[i].done, 1);
        CHECK_EQ(operations[i].status, 0);
    }
    evpl_iovec_release(flow.evpl, &remote);
    evpl_iovec_release(flow.evpl, &local);
    flow_end(&flow);
    return 0;
}
