// protocols: DATAGRAM_TCP_RDMA

// What is longer than a frame may be does not go out: an operation ends with EMSGSIZE, in its turn, and the connection
// lives; a message closes it, with an error line.

#include "wire.h"

#define PIECE (1u << 20)

int
main(void)
{
    struct flow flow = { 0 };
    struct operation operations[5] = { { 0 } };
    struct evpl_iovec pieces[65], remote;
    uint32_t key;
    uint64_t address;

    flow_connect(&flow);
    shared_alloc(flow.evpl, &remote, PIECE, 1);
    evpl_rdma_get_address(flow.evpl, flow.server->bind, &remote, &key, &address);
    shared_alloc(flow.evpl, &pieces[0], PIECE, 2);
    for (int i = 1; i < 65; i++) {
        evpl_iovec_clone(&pieces[i], &pieces[0]);
    }
    evpl_rdma_read(flow.evpl, flow.client.bind, key, address, pieces, 1, operation_done, &operations[0]);
    evpl_rdma_read(flow.evpl, flow.client.bind, key, address, pieces, 65, operation_done, &operations[1]);
    evpl_rdma_write(flow.evpl, flow.client.bind, key, address, pieces, 65, 0, operation_done, &operations[2]);
    evpl_rdma_write(flow.evpl, flow.client.bind, key, address, pieces, 1, 0, operation_done, &operations[3]);
    for (int i = 0; i < 4; i++) {
        RUN_UNTIL(flow.evpl, operations[i].done, FLOW_WAIT_MS);
        CHECK_EQ(operations[i].status, i == 1 || i == 2 ? EMSGSIZE : 0);
    }
    evpl_sendv(flow.evpl, flow.client.bind, pieces, 64, PAYLOAD, 0);
    RUN_UNTIL(flow.evpl, flow.server->recv_msg == 1, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->messages[0], PAYLOAD);
    test_log_capture();
    evpl_sendv(flow.evpl, flow.client.bind, pieces, 65, PAYLOAD + 1, EVPL_SEND_FLAG_TAKE_REF);
    RUN_UNTIL(flow.evpl, flow.client.disconnected && flow.server->disconnected, FLOW_WAIT_MS);
    CHECK_EQ(test_log_errors, 1);
    CHECK_EQ(flow.server->recv_msg, 1);
    evpl_iovec_release(flow.evpl, &remote);
    flow_end(&flow);
    return 0;
}
