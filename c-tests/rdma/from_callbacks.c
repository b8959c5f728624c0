// protocols: DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// A completion may start the next operation and close the bind.

#include "rdma_flow.h"

static struct flow flow;
static struct evpl_iovec remote, local;
static uint32_t key;
static uint64_t address;
static int chain;

static void
again(int status, void *private_data)
{
    CHECK_EQ(status, 0);
    if (++chain < 50) {
        evpl_rdma_read(flow.evpl, flow.client.bind, key, address, &local, 1, again, private_data);
    } else {
        evpl_close(flow.evpl, flow.client.bind);
    }
}

int
main(void)
{
    flow_connect(&flow);
    shared_alloc(flow.evpl, &remote, 100, 1);
    shared_alloc(flow.evpl, &local, 100, 2);
    evpl_rdma_get_address(flow.evpl, flow.server->bind, &remote, &key, &address);
    evpl_rdma_read(flow.evpl, flow.client.bind, key, address, &local, 1, again, NULL);
    RUN_UNTIL(flow.evpl, flow.client.disconnected && flow.server->disconnected, FLOW_WAIT_MS);
    CHECK_EQ(chain, 50);
    evpl_iovec_release(flow.evpl, &remote);
    evpl_iovec_release(flow.evpl, &local);
    flow_end(&flow);
    return 0;
}
