// SPDX-License-Identifier: MIT OR Apache-2.0

// A peer of DATAGRAM_TCP_RDMA that is a plain socket, on the thread of the loop it talks to.

#ifndef WIRE_H
#define WIRE_H

#include "../rdma/rdma_flow.h"

#include <endian.h>

#define HEAD    32
#define PAYLOAD (64u << 20)

enum { SEND = 1, READ_REQUEST, READ_REPLY, WRITE_REQUEST, WRITE_REPLY, ERROR };

struct frame {
    uint32_t opcode, length, key;
    uint64_t address, id;
};

static inline size_t
frame_put(unsigned char *at, uint32_t opcode, uint32_t length, uint32_t key, uint64_t address, uint64_t id)
{
    uint32_t words[4] = { htobe32(0x54524d41), htobe32(opcode), htobe32(length), htobe32(key) };
    uint64_t longs[2] = { htobe64(address), htobe64(id) };

    memcpy(at, words, 16);
    memcpy(at + 16, longs, 16);
    return HEAD;
}

static inline size_t
frame_put_read(unsigned char *at, uint32_t key, uint64_t address, uint64_t id, uint32_t wanted)
{
    frame_put(at, READ_REQUEST, 4, key, address, id);
    wanted = htobe32(wanted);
    memcpy(at + HEAD, &wanted, 4);
    return HEAD + 4;
}

static inline size_t
frame_put_data(unsigned char *at, uint32_t opcode, uint32_t length, uint32_t key, uint64_t address, uint64_t id,
               int fill)
{
    frame_put(at, opcode, length, key, address, id);
    memset(at + HEAD, fill, length);
    return HEAD + length;
}

static inline struct frame
frame_get(const unsigned char *at)
{
    struct frame frame;
    uint32_t words[4];
    uint64_t longs[2];

    memcpy(words, at, 16);
    memcpy(longs, at + 16, 16);
    CHECK_EQ(be32toh(words[0]), 0x54524d41);
    frame.opcode  = be32toh(words[1]);
    frame.length  = be32toh(words[2]);
    frame.key     = be32toh(words[3]);
    frame.address = be64toh(longs[0]);
    frame.id      = be64toh(longs[1]);
    return frame;
}

struct peer {
    struct flow *flow;
    int fd;
};

// A client of the flow's listener.
static inline void
peer_dial(struct peer *peer, struct flow *flow)
{
    int accepts = flow->accepts;

    peer->flow = flow;
    peer->fd   = raw_dial(flow);
    RUN_UNTIL(flow->evpl, flow->accepts > accepts && flow->accepted[accepts].connected, FLOW_WAIT_MS);
}

// The kernel takes little for this peer, however fast it reads.
static inline void
peer_dial_narrow(struct peer *peer, struct flow *flow)
{
    int length = 256 << 10;

    peer_dial(peer, flow);
    CHECK(setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &length, sizeof(length)) == 0);
}

// What a raw listener needs of a flow that is not started.
static inline int
peer_listen(struct flow *flow)
{
    flow_init(flow);
    if (flow->evpl == NULL) {
        flow->evpl     = test_evpl();
        flow->endpoint = flow_endpoint(flow);
    }
    return raw_listen(flow, 16);
}

// The server of the flow's client, which is dialled.
static inline void
peer_accept(struct peer *peer, struct flow *flow, int listener)
{
    memset(&flow->client, 0, sizeof(flow->client));
    flow_dial(flow, &flow->client);
    peer->flow = flow;
    peer->fd   = accept(listener, NULL, NULL);
    CHECK(peer->fd >= 0);
    RUN_UNTIL(flow->evpl, flow->client.connected, FLOW_WAIT_MS);
}

static inline void
peer_send(struct peer *peer, const void *bytes, size_t length)
{
    uint64_t deadline = now_ms() + FLOW_WAIT_MS;

    while (length > 0) {
        ssize_t put = send(peer->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);

        CHECK(put > 0 || errno == EAGAIN);
        CHECK(now_ms() < deadline);
        if (put > 0) {
            bytes = (const char *) bytes + put;
            length -= (size_t) put;
        } else {
            evpl_continue(peer->flow->evpl);
        }
    }
}

static inline void
peer_recv(struct peer *peer, void *bytes, size_t length)
{
    uint64_t deadline = now_ms() + FLOW_WAIT_MS;

    while (length > 0) {
        ssize_t got = recv(peer->fd, bytes, length, MSG_DONTWAIT);

        CHECK(got > 0 || (got < 0 && errno == EAGAIN));
        CHECK(now_ms() < deadline);
        if (got > 0) {
            bytes = (char *) bytes + got;
            length -= (size_t) got;
        } else {
            evpl_continue(peer->flow->evpl);
        }
    }
}

static inline struct frame
peer_recv_frame(struct peer *peer)
{
    unsigned char head[HEAD];

    peer_recv(peer, head, sizeof(head));
    return frame_get(head);
}

// The next bytes are these.
static inline void
peer_expect(struct peer *peer, const void *bytes, size_t length)
{
    unsigned char *found = malloc(length + 1);

    peer_recv(peer, found, length);
    for (size_t i = 0; i < length; i++) {
        CHECK_EQ(found[i], ((const unsigned char *) bytes)[i]);
    }
    free(found);
}

// Nothing comes for a while.
static inline void
peer_expect_silence(struct peer *peer, int passes)
{
    char byte;

    RUN_PASSES(peer->flow->evpl, passes);
    CHECK(recv(peer->fd, &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
}

// The connection ends; what comes before that does not matter.
static inline void
peer_expect_end(struct peer *peer)
{
    uint64_t deadline = now_ms() + FLOW_WAIT_MS;
    char bytes[4096];
    ssize_t got;

    while ((got = recv(peer->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) != 0) {
        if (got < 0 && errno != EAGAIN) {
            CHECK_EQ(errno, ECONNRESET);
            break;
        }
        CHECK(now_ms() < deadline);
        evpl_continue(peer->flow->evpl);
    }
    close(peer->fd);
}

// The server's end of the only connection is over; another may come.
static inline void
flow_forget_server(struct flow *flow)
{
    RUN_UNTIL(flow->evpl, flow->accepted[0].disconnected, FLOW_WAIT_MS);
    side_end(&flow->accepted[0]);
    flow->accepts = 0;
}

static inline void
flow_forget_client(struct flow *flow)
{
    RUN_UNTIL(flow->evpl, flow->client.disconnected, FLOW_WAIT_MS);
    side_end(&flow->client);
}

#endif
