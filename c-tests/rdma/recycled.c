// protocols: DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// What was published ends when its buffer goes back to the pool, however often the buffer is used again.

#include "rdma_flow.h"

int
main(void)
{
    struct flow flow = { .config = test_config() };
    struct operation operation = { 0 };
    struct evpl_iovec published, local, again[4];
    uint32_t key;
    uint64_t address;

    evpl_global_config_set_buffer_size(flow.config, 65536);
    evpl_global_config_set_slab_size(flow.config, 1 << 20);
    flow_connect(&flow);
    evpl_iovec_alloc_global(flow.evpl, &published);
    memset(published.data, 1, published.length);
    evpl_rdma_get_address(flow.evpl, flow.server->bind, &published, &key, &address);
    shared_alloc(flow.evpl, &local, 100, 9);
    evpl_rdma_read(flow.evpl, flow.client.bind, key, address, &local, 1, operation_done, &operation);
    RUN_UNTIL(flow.evpl, operation.done, FLOW_WAIT_MS);
    CHECK_EQ(operation.status, 0);
    CHECK(*(char *) local.data == 1);

    evpl_iovec_release(flow.evpl, &published);
    for (int round = 0; round < 2; round++) {
        operation.done = 0;
        evpl_rdma_read(flow.evpl, flow.client.bind, key, address, &local, 1, operation_done, &operation);
        RUN_UNTIL(flow.evpl, operation.done, FLOW_WAIT_MS);
        CHECK_EQ(operation.status, EINVAL);
        if (round == 0) {
            // Somebody else's use of the same memory does not revive it.
            for (int i = 0; i < 4; i++) {
                evpl_iovec_alloc_global(flow.evpl, &again[i]);
            }
        }
    }
    for (int i = 0; i < 4; i++) {
        evpl_iovec_release(flow.evpl, &again[i]);
    }
    evpl_iovec_release(flow.evpl, &local);
    flow_end(&flow);
    return 0;
}
