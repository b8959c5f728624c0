// protocols: DATAGRAM_TCP_RDMA
// timeout: 60

// An end with a lot to send still answers: a read of its memory, a write to it and a message from it each wait for a
// share of what is queued, not for all. And the other way round: a flood of long replies does not hold up its messages.

#include "wire.h"

#define LENGTH (1u << 20)
#define QUEUED 200
#define READ   1000

static struct flow flow;
static unsigned char bytes[HEAD + LENGTH];

int
main(void)
{
    struct evpl_iovec memory;
    struct peer peer;
    uint32_t key;
    uint64_t address;
    int before;

    flow_start(&flow);
    shared_alloc(flow.evpl, &memory, LENGTH, 'm');
    peer_dial_narrow(&peer, &flow);
    evpl_rdma_get_address(flow.evpl, flow.server->bind, &memory, &key, &address);

    for (int i = 0; i < QUEUED; i++) {
        evpl_sendv(flow.evpl, flow.server->bind, &memory, 1, LENGTH, 0);
    }
    RUN_PASSES(flow.evpl, 5);
    peer_send(&peer, bytes, frame_put_read(bytes, key, address, 1, READ));
    peer_send(&peer, bytes, frame_put_data(bytes, WRITE_REQUEST, 10, key, address, 2, 'm'));
    RUN_PASSES(flow.evpl, 5);
    before = 0;
    for (int messages = 0, answers = 0; messages < QUEUED || answers < 2;) {
        struct frame frame = peer_recv_frame(&peer);

        peer_recv(&peer, bytes, frame.length);
        if (frame.opcode == SEND) {
            messages++;
            before += answers == 0;
        } else {
            CHECK_EQ(frame.opcode, answers == 0 ? READ_REPLY : WRITE_REPLY);
            answers++;
        }
    }
    // What the sockets hold, and what was framed.
    CHECK(before < 20);

    for (uint64_t i = 0; i < QUEUED; i++) {
        peer_send(&peer, bytes, frame_put_read(bytes, key, address, i, LENGTH));
    }
    RUN_PASSES(flow.evpl, 5);
    evpl_send(flow.evpl, flow.server->bind, "hello", 5);
    RUN_PASSES(flow.evpl, 5);
    before = 0;
    for (int message = 0, replies = 0; message == 0 || replies < QUEUED;) {
        struct frame frame = peer_recv_frame(&peer);

        peer_recv(&peer, bytes, frame.length);
        if (frame.opcode == SEND) {
            message++;
        } else {
            CHECK_EQ(frame.opcode, READ_REPLY);
            replies++;
            before += message == 0;
        }
    }
    CHECK(before < 20);
    close(peer.fd);
    evpl_iovec_release(flow.evpl, &memory);
    flow_end(&flow);
    return 0;
}
