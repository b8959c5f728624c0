// protocols: DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Operations of no iovecs complete with 0, once, not inside the call.

#include "rdma_flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct operation read = { 0 }, write = { 0 };
    struct evpl_iovec remote;
    uint32_t key;
    uint64_t address;

    flow_connect(&flow);
    shared_alloc(flow.evpl, &remote, 100, 1);
    evpl_rdma_get_address(flow.evpl, flow.server->bind, &remote, &key, &address);
    evpl_rdma_read(flow.evpl, flow.client.bind, key, address, NULL, 0, operation_done, &read);
    evpl_rdma_write(flow.evpl, flow.client.bind, key, address, NULL, 0, 0, operation_done, &write);
    RUN_UNTIL(flow.evpl, read.done && write.done, FLOW_WAIT_MS);
    CHECK_EQ(read.status, 0);
    CHECK_EQ(write.status, 0);
    evpl_iovec_release(flow.evpl, &remote);
    flow_end(&flow);
    return 0;
}
