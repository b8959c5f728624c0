// protocols: DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// The published range is exact: its last byte is reachable, one beyond it and one before it are EINVAL; so is a
// key nobody gave out. The connection survives all of it, and nothing was written.

#include "rdma_flow.h"

static struct flow flow;

static int
status_of(int write, uint32_t key, uint64_t address, unsigned int length)
{
    struct operation operation = { .side = &flow.client };
    struct evpl_iovec iovec;

    shared_alloc(flow.evpl, &iovec, length, 0x77);
    if (write) {
        evpl_rdma_write(flow.evpl, flow.client.bind, key, address, &iovec, 1, 0, operation_done, &operation);
    } else {
        evpl_rdma_read(flow.evpl, flow.client.bind, key, address, &iovec, 1, operation_done, &operation);
    }
    RUN_UNTIL(flow.evpl, operation.done, FLOW_WAIT_MS);
    evpl_iovec_release(flow.evpl, &iovec);
    return operation.status;
}

int
main(void)
{
    struct evpl_iovec whole, remote;
    uint32_t key;
    uint64_t address;

    flow_connect(&flow);
    shared_alloc(flow.evpl, &whole, 3000, 0x11);
    evpl_iovec_clone_segment(&remote, &whole, 1000, 1000);
    evpl_rdma_get_address(flow.evpl, flow.server->bind, &remote, &key, &address);
    for (int write = 0; write < 2; write++) {
        CHECK_EQ(status_of(write, key, address, 1000), 0);
        CHECK_EQ(status_of(write, key, address + 999, 1), 0);
        memset(remote.data, 0x11, 1000);
        CHECK_EQ(status_of(write, key, address, 1001), EINVAL);
        CHECK_EQ(status_of(write, key, address + 1000, 1), EINVAL);
        CHECK_EQ(status_of(write, key, address + 999, 2), EINVAL);
        CHECK_EQ(status_of(write, key, address - 1, 1), EINVAL);
        CHECK_EQ(status_of(write, key, address - 1, 1001), EINVAL);
        CHECK_EQ(status_of(write, key, UINT64_MAX - 10, 100), EINVAL);
        CHECK_EQ(status_of(write, key, 0, 1), EINVAL);
        CHECK_EQ(status_of(write, key + 1000, address, 1), EINVAL);
        CHECK_EQ(status_of(write, 0, address, 1), EINVAL);
        CHECK_EQ(status_of(write, UINT32_MAX, address, 1), EINVAL);
        for (int i = 0; i < 3000; i++) {
            CHECK(((unsigned char *) whole.data)[i] == 0x11);
        }
    }
    CHECK(!flow.client.disconnected && !flow.server->disconnected);
    evpl_iovec_release(flow.evpl, &remote);
    evpl_iovec_release(flow.evpl, &whole);
    flow_end(&flow);
    return 0;
}
