// protocols: DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Operations on a bind that is closing already, and on one that never connected, complete once with an error.

#include "rdma_flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct operation read = { 0 }, write = { 0 };
    struct evpl_iovec local, source;

    flow_connect(&flow);
    shared_alloc(flow.evpl, &local, 100, 2);
    shared_alloc(flow.evpl, &source, 100, 3);
    evpl_close(flow.evpl, flow.client.bind);
    evpl_rdma_read(flow.evpl, flow.client.bind, 1, 1, &local, 1, operation_done, &read);
    evpl_rdma_write(flow.evpl, flow.client.bind, 1, 1, &source, 1, EVPL_RDMA_FLAG_TAKE_REF, operation_done, &write);
    RUN_UNTIL(flow.evpl, flow.client.disconnected && read.done && write.done, FLOW_WAIT_MS);
    CHECK_EQ(read.status, ECONNRESET);
    CHECK_EQ(write.status, ECONNRESET);
    RUN_UNTIL(flow.evpl, flow.server->disconnected, FLOW_WAIT_MS);
    flow_end(&flow);

    memset(&flow, 0, sizeof(flow));
    memset(&read, 0, sizeof(read));
    flow_init(&flow);
    flow.evpl     = test_evpl();
    flow.endpoint = flow_endpoint(&flow);
    flow_dial(&flow, &flow.client);
    shared_alloc(flow.evpl, &source, 100, 3);
    evpl_rdma_read(flow.evpl, flow.client.bind, 1, 1, &source, 1, operation_done, &read);
    RUN_UNTIL(flow.evpl, flow.client.disconnected && read.done, FLOW_WAIT_MS);
    CHECK(read.status != 0);
    evpl_iovec_release(flow.evpl, &source);
    evpl_iovec_release(flow.evpl, &local);
    flow_end(&flow);
    return 0;
}
