// protocols: DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// A client reads and writes a published buffer: status 0, right bytes, never inside the call, callback once.

#include "rdma_flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct operation read = { 0 }, write = { 0 };
    struct evpl_iovec remote, local[2], source;
    uint32_t key;
    uint64_t address;

    flow_connect(&flow);
    CHECK_EQ(evpl_bind_is_rdma(flow.client.bind), 1);
    shared_alloc(flow.evpl, &remote, 4096, 0xAB);
    evpl_rdma_get_address(flow.evpl, flow.server->bind, &remote, &key, &address);
    CHECK(key != 0 && address != 0);

    shared_alloc(flow.evpl, &local[0], 1000, 0);
    shared_alloc(flow.evpl, &local[1], 3096, 0);
    evpl_rdma_read(flow.evpl, flow.client.bind, key, address, local, 2, operation_done, &read);
    CHECK_EQ(read.done, 0);
    RUN_UNTIL(flow.evpl, read.done, FLOW_WAIT_MS);
    CHECK_EQ(read.status, 0);
    for (int i = 0; i < 1000; i++) {
        CHECK(((unsigned char *) local[0].data)[i] == 0xAB);
    }
    for (int i = 0; i < 3096; i++) {
        CHECK(((unsigned char *) local[1].data)[i] == 0xAB);
    }
    // The caller keeps the references of a read.
    evpl_iovecs_release(flow.evpl, local, 2);

    shared_alloc(flow.evpl, &source, 100, 0xCD);
    evpl_rdma_write(flow.evpl, flow.client.bind, key, address + 50, &source, 1, 0, operation_done, &write);
    CHECK_EQ(write.done, 0);
    evpl_iovec_release(flow.evpl, &source);
    RUN_UNTIL(flow.evpl, write.done, FLOW_WAIT_MS);
    CHECK_EQ(write.status, 0);
    for (int i = 0; i < 4096; i++) {
        CHECK(((unsigned char *) remote.data)[i] == (i >= 50 && i < 150 ? 0xCD : 0xAB));
    }
    // A callback is optional.
    shared_alloc(flow.evpl, &source, 1, 0xEE);
    evpl_rdma_write(flow.evpl, flow.client.bind, key, address, &source, 1, EVPL_RDMA_FLAG_TAKE_REF, NULL, NULL);
    RUN_UNTIL(flow.evpl, *(unsigned char *) remote.data == 0xEE, FLOW_WAIT_MS);
    evpl_iovec_release(flow.evpl, &remote);
    flow_end(&flow);
    return 0;
}
