// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC DATAGRAM_SOCKET_UDP

// Without RDMA: address 0 and key 0, ENOTSUP inside the call, and every reference stays the caller's, TAKE_REF or not.

#include "rdma_flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct operation operation = { 0 };
    struct evpl_iovec iovec;
    uint32_t key     = 7;
    uint64_t address = 7;
    unsigned int count;

    flow_connect(&flow);
    CHECK_EQ(evpl_bind_is_rdma(flow.client.bind), 0);
    shared_alloc(flow.evpl, &iovec, 100, 1);
    count = iovec.ref->refcnt;
    evpl_rdma_get_address(flow.evpl, flow.client.bind, &iovec, &key, &address);
    CHECK(key == 0 && address == 0);
    evpl_rdma_read(flow.evpl, flow.client.bind, 1, 1, &iovec, 1, operation_done, &operation);
    CHECK_EQ(operation.done, 1);
    CHECK_EQ(operation.status, ENOTSUP);
    operation.done = 0;
    evpl_rdma_write(flow.evpl, flow.client.bind, 1, 1, &iovec, 1, EVPL_RDMA_FLAG_TAKE_REF, operation_done, &operation);
    CHECK_EQ(operation.done, 1);
    CHECK_EQ(operation.status, ENOTSUP);
    CHECK(iovec.data != NULL);
    CHECK_EQ(iovec.ref->refcnt, count);
    evpl_iovec_release(flow.evpl, &iovec);
    flow_end(&flow);
    return 0;
}
