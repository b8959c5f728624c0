// protocols: DATAGRAM_INPROC DATAGRAM_TCP_RDMA
// timeout: 120

// Messages, reads and writes of every order of size, from nothing to 64 MiB, in one piece and in many.

#include "rdma_flow.h"

#define LARGEST (64u << 20)

static struct flow flow;
static struct evpl_iovec remote, local;
static uint32_t key;
static uint64_t address;
static uint64_t expected;
static unsigned int got;

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    uint64_t at = expected;

    if (notify->notify_type != EVPL_NOTIFY_RECV_MSG) {
        return 0;
    }
    for (unsigned int i = 0; i < notify->recv_msg.niov; i++) {
        CHECK(pattern_matches(notify->recv_msg.iovec[i].data, notify->recv_msg.iovec[i].length, at));
        at += notify->recv_msg.iovec[i].length;
    }
    CHECK_EQ(at - expected, notify->recv_msg.length);
    got = notify->recv_msg.length;
    evpl_iovecs_release(side->evpl, notify->recv_msg.iovec, (int) notify->recv_msg.niov);
    return 1;
}

// `whole` in pieces of which each is larger than the last.
static int
cut(struct evpl_iovec *pieces, struct evpl_iovec *whole, unsigned int length, int many)
{
    unsigned int at = 0, step = many ? 1 : length, count = 0;

    while (at < length || count == 0) {
        if (step > length - at) {
            step = length - at;
        }
        evpl_iovec_clone_segment(&pieces[count++], whole, at, step);
        at += step;
        step = step * 3 + 1;
    }
    return (int) count;
}

static void
try_size(unsigned int length, int many)
{
    struct operation read = { .side = &flow.client }, write = { .side = &flow.client };
    struct evpl_iovec pieces[32];
    int count = cut(pieces, &local, length, many);

    pattern_fill(remote.data, length, length);
    memset(local.data, 0, length);
    evpl_rdma_read(flow.evpl, flow.client.bind, key, address, pieces, count, operation_done, &read);
    RUN_UNTIL(flow.evpl, read.done, FLOW_WAIT_MS);
    CHECK_EQ(read.status, 0);
    CHECK(pattern_matches(local.data, length, length));

    pattern_fill(local.data, length, length + 7);
    evpl_rdma_write(flow.evpl, flow.client.bind, key, address, pieces, count, 0, operation_done, &write);
    RUN_UNTIL(flow.evpl, write.done, FLOW_WAIT_MS);
    CHECK_EQ(write.status, 0);
    CHECK(pattern_matches(remote.data, length, length + 7));

    expected = length + 7;
    got      = UINT32_MAX;
    evpl_sendv(flow.evpl, flow.client.bind, pieces, count, (int) length, EVPL_SEND_FLAG_TAKE_REF);
    RUN_UNTIL(flow.evpl, got != UINT32_MAX, FLOW_WAIT_MS);
    CHECK_EQ(got, length);
}

int
main(void)
{
    flow.config      = test_config();
    flow.server_hook = on_server;
    evpl_global_config_set_buffer_size(flow.config, LARGEST + 4096);
    evpl_global_config_set_slab_size(flow.config, 8 * (uint64_t) (LARGEST + 4096));
    flow_connect(&flow);
    shared_alloc(flow.evpl, &remote, LARGEST, 0);
    shared_alloc(flow.evpl, &local, LARGEST, 0);
    evpl_rdma_get_address(flow.evpl, flow.server->bind, &remote, &key, &address);
    for (int many = 0; many < 2; many++) {
        try_size(0, many);
        for (unsigned int size = 1; size < LARGEST; size = size * 4) {
            try_size(size, many);
            try_size(size + 1, many);
        }
        for (int around = -33; around < 34; around += 11) {
            try_size((unsigned int) (512 + around), many);
            try_size((unsigned int) (8192 + around), many);
            try_size((unsigned int) (65536 + around), many);
            try_size((unsigned int) (262144 + around), many);
        }
        try_size(LARGEST, many);
    }
    evpl_iovec_release(flow.evpl, &remote);
    evpl_iovec_release(flow.evpl, &local);
    flow_end(&flow);
    return 0;
}
