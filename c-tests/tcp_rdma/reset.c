// protocols: DATAGRAM_TCP_RDMA
// timeout: 60

// The peer resets or closes after every number of bytes of what it has to say. A server forgets it; a client's
// operations are each answered once, in order: those that had their answer with it, the others with ECONNRESET, all
// before DISCONNECTED.

#include "wire.h"

#define OPERATIONS 6

static struct flow flow;
static unsigned char script[1024];
static size_t script_len, ends[OPERATIONS];

static void
leave(struct peer *peer, size_t turn)
{
    if (turn % 4 < 2) {
        RUN_PASSES(flow.evpl, 1);
    }
    if (turn % 2) {
        raw_reset(peer->fd);
    } else {
        close(peer->fd);
    }
}

static void
server_role(void)
{
    struct evpl_iovec memory;
    struct peer peer;
    uint32_t key;
    uint64_t address;

    flow_start(&flow);
    shared_alloc(flow.evpl, &memory, 4096, 1);
    peer_dial(&peer, &flow);
    evpl_rdma_get_address(flow.evpl, flow.server->bind, &memory, &key, &address);
    close(peer.fd);
    flow_forget_server(&flow);
    script_len  = frame_put_data(script, SEND, 9, 0, 0, 0, 'm');
    script_len += frame_put_read(script + script_len, key, address, 1, 4096);
    script_len += frame_put_data(script + script_len, WRITE_REQUEST, 40, key, address, 2, 'w');
    script_len += frame_put_data(script + script_len, WRITE_REQUEST, 30, key + 1, address, 2, 'w');
    for (size_t cut = 0; cut <= script_len; cut++) {
        peer_dial(&peer, &flow);
        peer_send(&peer, script, cut);
        leave(&peer, cut);
        flow_forget_server(&flow);
    }
    evpl_iovec_release(flow.evpl, &memory);
    flow_end(&flow);
}

static int answered;

static void
in_order(int status, void *private_data)
{
    struct operation *operation = private_data;

    CHECK_EQ(flow.client.disconnected, 0);
    operation->done   = ++answered;
    operation->status = status;
}

static void
client_round(int listener, size_t cut, size_t turn)
{
    struct operation operations[OPERATIONS] = { { 0 } };
    struct evpl_iovec local[OPERATIONS];
    unsigned char asked[4096];
    struct peer peer;

    answered = 0;
    peer_accept(&peer, &flow, listener);
    for (int i = 0; i < OPERATIONS; i++) {
        shared_alloc(flow.evpl, &local[i], 100, 2);
        if (i < 3) {
            evpl_rdma_read(flow.evpl, flow.client.bind, 1, 0x1000, &local[i], 1, in_order, &operations[i]);
        } else {
            evpl_rdma_write(flow.evpl, flow.client.bind, 1, 0x1000, &local[i], 1, 0, in_order, &operations[i]);
        }
    }
    peer_recv(&peer, asked, 3 * 36 + 3 * 132);
    peer_send(&peer, script, cut);
    leave(&peer, turn);
    // Staged when the end is not known yet, or is.
    evpl_send(flow.evpl, flow.client.bind, "late", 4);
    RUN_UNTIL(flow.evpl, flow.client.disconnected, FLOW_WAIT_MS);
    for (int i = 0; i < OPERATIONS; i++) {
        CHECK_EQ(operations[i].done, i + 1);
        CHECK_EQ(operations[i].status, ends[i] <= cut ? 0 : ECONNRESET);
        evpl_iovec_release(flow.evpl, &local[i]);
    }
    flow_forget_client(&flow);
}

static void
client_role(void)
{
    int listener;

    memset(&flow, 0, sizeof(flow));
    listener   = peer_listen(&flow);
    script_len = 0;
    for (int i = 0; i < OPERATIONS; i++) {
        script_len += i < 3 ? frame_put_data(script + script_len, READ_REPLY, 100, 1, 0x1000, (uint64_t) i, 'a')
                            : frame_put(script + script_len, WRITE_REPLY, 0, 1, 0x1000, (uint64_t) i);
        ends[i] = script_len;
    }
    for (size_t cut = 0; cut <= script_len; cut++) {
        client_round(listener, cut, cut / 2 + cut);
    }
    close(listener);
    evpl_destroy(flow.evpl);
    evpl_endpoint_close(flow.endpoint);
}

int
main(void)
{
    server_role();
    client_role();
    return 0;
}
