// protocols: DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Memory of the process that nobody published is out of reach, although a key of a neighbour exists.

#include "rdma_flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct operation operation = { 0 };
    struct evpl_iovec published, private, local;
    uint32_t key;
    uint64_t address;

    flow_connect(&flow);
    shared_alloc(flow.evpl, &published, 1000, 1);
    shared_alloc(flow.evpl, &private, 1000, 2);
    evpl_rdma_get_address(flow.evpl, flow.server->bind, &published, &key, &address);
    shared_alloc(flow.evpl, &local, 1000, 3);
    evpl_rdma_read(flow.evpl, flow.client.bind, key, (uint64_t) (uintptr_t) private.data, &local, 1, operation_done,
                   &operation);
    RUN_UNTIL(flow.evpl, operation.done, FLOW_WAIT_MS);
    CHECK_EQ(operation.status, EINVAL);
    CHECK(*(char *) local.data == 3);
    evpl_iovec_release(flow.evpl, &published);
    evpl_iovec_release(flow.evpl, &private);
    evpl_iovec_release(flow.evpl, &local);
    flow_end(&flow);
    return 0;
}
