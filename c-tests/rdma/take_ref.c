// protocols: DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// A write with TAKE_REF consumes the references at the call and gives them back when it is done; one without
// leaves the caller's alone.

#include "rdma_flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct operation operation = { 0 };
    struct evpl_iovec remote, source[2], watch;
    uint32_t key;
    uint64_t address;
    unsigned int count;

    flow_connect(&flow);
    shared_alloc(flow.evpl, &remote, 200, 1);
    evpl_rdma_get_address(flow.evpl, flow.server->bind, &remote, &key, &address);
    shared_alloc(flow.evpl, &source[0], 100, 2);
    shared_alloc(flow.evpl, &source[1], 100, 3);
    evpl_iovec_clone(&watch, &source[0]);
    count = watch.ref->refcnt;
    evpl_rdma_write(flow.evpl, flow.client.bind, key, address, source, 2, EVPL_RDMA_FLAG_TAKE_REF, operation_done,
                    &operation);
    CHECK(source[0].data == NULL && source[1].data == NULL);
    RUN_UNTIL(flow.evpl, operation.done, FLOW_WAIT_MS);
    CHECK_EQ(operation.status, 0);
    CHECK(watch.ref->refcnt < count);
    CHECK(((char *) remote.data)[99] == 2 && ((char *) remote.data)[100] == 3);

    count          = watch.ref->refcnt;
    operation.done = 0;
    evpl_rdma_write(flow.evpl, flow.client.bind, key, address, &watch, 1, 0, operation_done, &operation);
    CHECK(watch.data != NULL);
    RUN_UNTIL(flow.evpl, operation.done, FLOW_WAIT_MS);
    CHECK_EQ(watch.ref->refcnt, count);
    evpl_iovec_release(flow.evpl, &watch);
    evpl_iovec_release(flow.evpl, &remote);
    flow_end(&flow);
    return 0;
}
