// protocols: DATAGRAM_TCP_RDMA

// Memory that its owner lets go while a peer reads or writes it: a reply that has begun ends with the connection, one
// that has not is refused, and so is the rest of a write. Nothing of the memory's next use leaves or changes.

#include "wire.h"

#define LENGTH (8u << 20)

static struct flow flow;
static unsigned char bytes[LENGTH + HEAD];

static void
publish(struct evpl_iovec *memory, uint32_t *key, uint64_t *address)
{
    evpl_iovec_alloc_global(flow.evpl, memory);
    CHECK(memory->length >= LENGTH);
    memory->length = LENGTH;
    memset(memory->data, 'o', LENGTH);
    evpl_rdma_get_address(flow.evpl, flow.accepted[0].bind, memory, key, address);
}

// Slabs stay mapped, so the place of a released buffer can be written as its next owner would.
static void
reuse(struct evpl_iovec *memory)
{
    void *data = memory->data;

    evpl_iovec_release(flow.evpl, memory);
    memory->data = data;
    memset(data, 'n', LENGTH);
}

static void
during_read(void)
{
    struct evpl_iovec memory;
    struct peer peer;
    uint32_t key;
    uint64_t address;
    ssize_t got, total = 0;

    peer_dial_narrow(&peer, &flow);
    publish(&memory, &key, &address);
    // More than the kernel takes at once, twice: one reply has begun, one has not.
    peer_send(&peer, bytes, frame_put_read(bytes, key, address, 1, LENGTH));
    peer_send(&peer, bytes, frame_put_read(bytes, key, address, 2, LENGTH));
    RUN_PASSES(flow.evpl, 3);
    reuse(&memory);
    test_log_capture();
    for (uint64_t deadline = now_ms() + FLOW_WAIT_MS;;) {
        got = recv(peer.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno == ECONNRESET)) {
            break;
        }
        CHECK(now_ms() < deadline);
        for (ssize_t i = total == 0 ? HEAD : 0; i < got; i++) {
            CHECK_EQ(bytes[i], 'o');
        }
        total += got > 0 ? got : 0;
        evpl_continue(flow.evpl);
    }
    CHECK(total < LENGTH);
    CHECK_EQ(test_log_errors, 1);
    close(peer.fd);
    flow_forget_server(&flow);
}

static void
during_write(void)
{
    struct evpl_iovec memory;
    struct peer peer;
    uint32_t key;
    uint64_t address;
    size_t half;

    peer_dial_narrow(&peer, &flow);
    publish(&memory, &key, &address);
    half = frame_put_data(bytes, WRITE_REQUEST, LENGTH, key, address, 7, 'w') / 2;
    peer_send(&peer, bytes, half);
    RUN_UNTIL(flow.evpl, ((char *) memory.data)[half - HEAD - 1] == 'w', FLOW_WAIT_MS);
    reuse(&memory);
    peer_send(&peer, bytes + half, HEAD + LENGTH - half);
    frame_put(bytes, ERROR, EINVAL, key, address, 7);
    peer_expect(&peer, bytes, HEAD);
    for (unsigned int i = 0; i < LENGTH; i++) {
        CHECK_EQ(((char *) memory.data)[i], 'n');
    }
    close(peer.fd);
    flow_forget_server(&flow);
}

int
main(void)
{
    flow.config = test_config();
    evpl_global_config_set_buffer_size(flow.config, LENGTH);
    flow_start(&flow);
    during_read();
    during_write();
    flow_end(&flow);
    return 0;
}
