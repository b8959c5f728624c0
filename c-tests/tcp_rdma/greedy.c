// protocols: DATAGRAM_TCP_RDMA
// timeout: 60

// A peer that asks for gigabytes and does not read costs only a record for each request. One that then sends messages
// is not listened to until it reads; then it gets everything, in order.

#include "../hostile/hostile.h"
#include "wire.h"

#define LENGTH (1u << 20)
#define READS  3000
#define WHOLE  100

static struct flow flow;
static unsigned char bytes[HEAD + LENGTH];

int
main(void)
{
    struct evpl_iovec memory;
    struct peer peer;
    uint32_t key;
    uint64_t address, held;

    flow_start(&flow);
    shared_alloc(flow.evpl, &memory, LENGTH, 0);
    pattern_fill(memory.data, LENGTH, 3);
    peer_dial(&peer, &flow);
    evpl_rdma_get_address(flow.evpl, flow.server->bind, &memory, &key, &address);
    held = resident_bytes();
    for (uint64_t i = 0; i < READS; i++) {
        peer_send(&peer, bytes, frame_put_read(bytes, key, address, i, LENGTH));
    }
    RUN_PASSES(flow.evpl, 20);
    peer_send(&peer, bytes, frame_put_data(bytes, SEND, 5, 0, 0, 0, 'm'));
    RUN_PASSES(flow.evpl, 20);
    CHECK_EQ(flow.server->recv_msg, 0);
    CHECK_GREW(resident_bytes(), held, 8u << 20);
    for (uint64_t i = 0; i < READS; i++) {
        unsigned char head[HEAD];

        peer_recv(&peer, bytes, HEAD + LENGTH);
        frame_put(head, READ_REPLY, LENGTH, key, address, i);
        CHECK(memcmp(bytes, head, HEAD) == 0);
        CHECK(i >= WHOLE || pattern_matches(bytes + HEAD, LENGTH, 3));
    }
    RUN_UNTIL(flow.evpl, flow.server->recv_msg == 1, FLOW_WAIT_MS);
    // Again, and the peer goes without a word.
    for (uint64_t i = 0; i < READS; i++) {
        peer_send(&peer, bytes, frame_put_read(bytes, key, address, i, LENGTH));
    }
    peer_send(&peer, bytes, frame_put_data(bytes, SEND, 5, 0, 0, 0, 'm'));
    RUN_PASSES(flow.evpl, 20);
    raw_reset(peer.fd);
    RUN_UNTIL(flow.evpl, flow.server->disconnected, FLOW_WAIT_MS);
    evpl_iovec_release(flow.evpl, &memory);
    flow_end(&flow);
    return 0;
}
