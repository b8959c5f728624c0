// protocols: DATAGRAM_TCP_RDMA

// The numbers that operations carry are those the C library gives them: places in a ring of sixteen that doubles when
// fifteen are under way, reads and writes counted together.

#include "wire.h"

static struct flow flow;
static struct evpl_iovec local;

static void
start(struct operation *operation)
{
    memset(operation, 0, sizeof(*operation));
    evpl_rdma_read(flow.evpl, flow.client.bind, 1, 1, &local, 1, operation_done, operation);
}

static uint64_t
asked(struct peer *peer)
{
    struct frame frame = peer_recv_frame(peer);
    char wanted[4];

    CHECK_EQ(frame.opcode, READ_REQUEST);
    peer_recv(peer, wanted, 4);
    return frame.id;
}

static void
answer(struct peer *peer)
{
    unsigned char bytes[64];

    peer_send(peer, bytes, frame_put_data(bytes, READ_REPLY, 10, 1, 1, 12345, 'a'));
}

int
main(void)
{
    struct operation operations[40];
    struct peer peer;
    int listener = peer_listen(&flow);

    peer_accept(&peer, &flow, listener);
    shared_alloc(flow.evpl, &local, 10, 0);
    // One at a time: round and round. The answer's own number does not matter.
    for (uint64_t i = 0; i < 20; i++) {
        start(&operations[0]);
        CHECK_EQ(asked(&peer), i % 16);
        answer(&peer);
        RUN_UNTIL(flow.evpl, operations[0].done, FLOW_WAIT_MS);
    }
    // Fifteen fit, the sixteenth makes the ring longer and is put behind those that wait.
    for (uint64_t i = 0; i < 20; i++) {
        start(&operations[i]);
        CHECK_EQ(asked(&peer), i < 15 ? (i + 4) % 16 : i);
    }
    for (int i = 0; i < 20; i++) {
        answer(&peer);
    }
    RUN_UNTIL(flow.evpl, operations[19].done, FLOW_WAIT_MS);
    for (uint64_t i = 20; i < 36; i++) {
        start(&operations[0]);
        CHECK_EQ(asked(&peer), i % 32);
        answer(&peer);
        RUN_UNTIL(flow.evpl, operations[0].done, FLOW_WAIT_MS);
    }
    close(peer.fd);
    close(listener);
    evpl_iovec_release(flow.evpl, &local);
    flow_end(&flow);
    return 0;
}
