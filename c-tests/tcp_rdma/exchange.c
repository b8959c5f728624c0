// protocols: DATAGRAM_TCP_RDMA

// The recorded exchange of two processes with the C library, byte by byte, with either end played by a plain socket:
// an offer of memory, a read, a write, and four messages.

#include "wire.h"

#define LENGTH 4096

static struct flow flow;
static struct evpl_iovec memory;
static struct {
    uint32_t type, key;
    uint64_t address;
    uint32_t length, pad;
} offer;
static unsigned char bytes[HEAD + LENGTH];

static void
on_attach(struct side *side)
{
    shared_alloc(side->evpl, &memory, LENGTH, 0xAB);
    offer.type   = 1;
    offer.length = LENGTH;
    evpl_rdma_get_address(side->evpl, side->bind, &memory, &offer.key, &offer.address);
    evpl_send(side->evpl, side->bind, &offer, sizeof(offer));
}

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    static const uint32_t answer[2] = { 4, 0 };

    if (notify->notify_type == EVPL_NOTIFY_RECV_MSG) {
        for (int i = 0; i < LENGTH; i++) {
            CHECK_EQ(((unsigned char *) memory.data)[i], 0xCD);
        }
        evpl_send(side->evpl, side->bind, answer, sizeof(answer));
    }
    return 0;
}

static void
as_client(void)
{
    static const unsigned char third[8] = { 3 }, fourth[8] = { 4 };
    struct peer peer;

    flow.attach_hook = on_attach;
    flow.server_hook = on_server;
    flow_start(&flow);
    peer_dial(&peer, &flow);
    frame_put(bytes, SEND, 24, 0, 0, 0);
    memcpy(bytes + HEAD, &offer, 24);
    peer_expect(&peer, bytes, HEAD + 24);

    peer_send(&peer, bytes, frame_put_read(bytes, offer.key, offer.address, 0, LENGTH));
    frame_put_data(bytes, READ_REPLY, LENGTH, offer.key, offer.address, 0, 0xAB);
    peer_expect(&peer, bytes, HEAD + LENGTH);

    peer_send(&peer, bytes, frame_put_data(bytes, WRITE_REQUEST, LENGTH, offer.key, offer.address, 1, 0xCD));
    frame_put(bytes, WRITE_REPLY, 0, offer.key, offer.address, 1);
    peer_expect(&peer, bytes, HEAD);

    frame_put(bytes, SEND, 8, 0, 0, 0);
    memcpy(bytes + HEAD, third, 8);
    peer_send(&peer, bytes, HEAD + 8);
    memcpy(bytes + HEAD, fourth, 8);
    peer_expect(&peer, bytes, HEAD + 8);
    close(peer.fd);
    evpl_iovec_release(flow.evpl, &memory);
    flow_end(&flow);
}

static void
as_server(void)
{
    const uint32_t key     = 1;
    const uint64_t address = 0x7f5bf7dff000;
    struct operation read = { 0 }, write = { 0 };
    struct evpl_iovec local;
    struct peer peer;
    int listener;

    memset(&flow, 0, sizeof(flow));
    listener = peer_listen(&flow);
    peer_accept(&peer, &flow, listener);
    peer_send(&peer, bytes, frame_put_data(bytes, SEND, 24, 0, 0, 0, 1));
    RUN_UNTIL(flow.evpl, flow.client.recv_msg == 1, FLOW_WAIT_MS);
    CHECK_EQ(flow.client.length, 24);

    shared_alloc(flow.evpl, &local, LENGTH, 0);
    evpl_rdma_read(flow.evpl, flow.client.bind, key, address, &local, 1, operation_done, &read);
    peer_expect(&peer, bytes, frame_put_read(bytes, key, address, 0, LENGTH));
    peer_send(&peer, bytes, frame_put_data(bytes, READ_REPLY, LENGTH, key, address, 0, 0xAB));
    RUN_UNTIL(flow.evpl, read.done, FLOW_WAIT_MS);
    CHECK_EQ(read.status, 0);
    CHECK(memcmp(local.data, bytes + HEAD, LENGTH) == 0);

    memset(local.data, 0xCD, LENGTH);
    evpl_rdma_write(flow.evpl, flow.client.bind, key, address, &local, 1, 0, operation_done, &write);
    peer_expect(&peer, bytes, frame_put_data(bytes, WRITE_REQUEST, LENGTH, key, address, 1, 0xCD));
    CHECK_EQ(write.done, 0);
    peer_send(&peer, bytes, frame_put(bytes, WRITE_REPLY, 0, key, address, 1));
    RUN_UNTIL(flow.evpl, write.done, FLOW_WAIT_MS);
    CHECK_EQ(write.status, 0);

    evpl_send(flow.evpl, flow.client.bind, "\3\0\0\0\0\0\0\0", 8);
    frame_put_data(bytes, SEND, 8, 0, 0, 0, 0);
    bytes[HEAD] = 3;
    peer_expect(&peer, bytes, HEAD + 8);
    close(peer.fd);
    close(listener);
    evpl_iovec_release(flow.evpl, &local);
    flow_end(&flow);
}

int
main(void)
{
    as_client();
    as_server();
    return 0;
}
