// protocols: DATAGRAM_TCP_RDMA
// timeout: 60

// Frames of every kind arrive in two pieces, cut at every byte, and byte by byte: they mean the same. First what a
// server is asked, then what a client is answered.

#include "wire.h"

#define SCRIPT_MAX 1024

static struct flow flow;
static struct evpl_iovec memory;
static unsigned char script[SCRIPT_MAX], answers[SCRIPT_MAX];
static size_t script_len, answers_len;

static void
ask(uint32_t key, uint64_t address)
{
    script_len  = frame_put_data(script, SEND, 13, 0, 0, 0, 'm');
    script_len += frame_put_read(script + script_len, key, address, 5, 100);
    script_len += frame_put_data(script + script_len, WRITE_REQUEST, 50, key, address + 200, 6, 'w');
    script_len += frame_put_data(script + script_len, WRITE_REQUEST, 20, key + 9, address, 7, 'x');
    script_len += frame_put_data(script + script_len, SEND, 0, 0, 0, 0, 0);
    script_len += frame_put_read(script + script_len, key, address + 4000, 8, 97);
    script_len += frame_put_read(script + script_len, key, address, 9, 0);
    script_len += frame_put_data(script + script_len, WRITE_REQUEST, 0, key, address, 10, 0);
    script_len += frame_put_data(script + script_len, SEND, 1, 0, 0, 0, 'e');

    answers_len  = frame_put_data(answers, READ_REPLY, 100, key, address, 5, 'r');
    answers_len += frame_put(answers + answers_len, WRITE_REPLY, 0, key, address + 200, 6);
    answers_len += frame_put(answers + answers_len, ERROR, EINVAL, key + 9, address, 7);
    answers_len += frame_put(answers + answers_len, ERROR, EINVAL, key, address + 4000, 8);
    answers_len += frame_put(answers + answers_len, READ_REPLY, 0, key, address, 9);
    answers_len += frame_put(answers + answers_len, WRITE_REPLY, 0, key, address, 10);
}

static void
check_asked(struct peer *peer, int rounds)
{
    struct side *server = &flow.accepted[0];

    peer_expect(peer, answers, answers_len);
    RUN_UNTIL(flow.evpl, server->recv_msg == 3 * rounds, FLOW_WAIT_MS);
    CHECK_EQ(server->messages[3 * rounds - 3], 13);
    CHECK_EQ(server->messages[3 * rounds - 2], 0);
    CHECK_EQ(server->messages[3 * rounds - 1], 1);
    CHECK_EQ(server->data[server->length - 1], 'e');
    CHECK_EQ(server->data[server->length - 2], 'm');
    for (int i = 0; i < 4096; i++) {
        CHECK_EQ(((char *) memory.data)[i], i >= 200 && i < 250 ? 'w' : 'r');
    }
    memset(memory.data, 'r', 4096);
    CHECK_EQ(server->disconnected, 0);
}

static void
server_role(void)
{
    struct peer peer;
    uint32_t key;
    uint64_t address;
    int rounds = 0;

    flow_start(&flow);
    peer_dial(&peer, &flow);
    shared_alloc(flow.evpl, &memory, 4096, 'r');
    evpl_rdma_get_address(flow.evpl, flow.server->bind, &memory, &key, &address);
    ask(key, address);
    for (size_t cut = 1; cut < script_len; cut++) {
        peer_send(&peer, script, cut);
        RUN_PASSES(flow.evpl, 1);
        peer_send(&peer, script + cut, script_len - cut);
        check_asked(&peer, ++rounds);
    }
    for (size_t i = 0; i < script_len; i++) {
        peer_send(&peer, script + i, 1);
        RUN_PASSES(flow.evpl, 1);
    }
    check_asked(&peer, ++rounds);
    close(peer.fd);
    evpl_iovec_release(flow.evpl, &memory);
    flow_end(&flow);
}

#define OPERATIONS 6

static struct operation operations[OPERATIONS];
static struct evpl_iovec parts[3];

static void
start_operations(struct peer *peer)
{
    const uint64_t at = 0x10000;
    struct evpl_iovec source;
    unsigned char asked[SCRIPT_MAX];
    size_t length = 0;

    memset(operations, 0, sizeof(operations));
    for (int i = 0; i < 3; i++) {
        memset(parts[i].data, '-', 100);
    }
    shared_alloc(flow.evpl, &source, 30, 's');
    // Reads leave before writes.
    evpl_rdma_read(flow.evpl, flow.client.bind, 1, at, parts, 3, operation_done, &operations[0]);
    evpl_rdma_write(flow.evpl, flow.client.bind, 1, at, &source, 1, 0, operation_done, &operations[2]);
    evpl_rdma_read(flow.evpl, flow.client.bind, 2, at, &parts[1], 1, operation_done, &operations[1]);
    evpl_rdma_write(flow.evpl, flow.client.bind, 2, at, &source, 1, 0, operation_done, &operations[3]);
    evpl_rdma_write(flow.evpl, flow.client.bind, 3, at, &source, 1, EVPL_RDMA_FLAG_TAKE_REF, operation_done,
                    &operations[4]);
    evpl_send(flow.evpl, flow.client.bind, "x", 1);
    while (length < 2 * 36 + 3 * 62 + 33) {
        ssize_t got = recv(peer->fd, asked + length, sizeof(asked) - length, MSG_DONTWAIT);

        if (got > 0) {
            length += (size_t) got;
        } else {
            evpl_continue(flow.evpl);
        }
    }
    CHECK_EQ(length, 2 * 36 + 3 * 62 + 33);
    CHECK_EQ(frame_get(asked).opcode, READ_REQUEST);
    CHECK_EQ(frame_get(asked + 36).opcode, READ_REQUEST);
    CHECK_EQ(frame_get(asked + 36).key, 2);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(frame_get(asked + 72 + 62 * i).opcode, WRITE_REQUEST);
        CHECK_EQ(frame_get(asked + 72 + 62 * i).key, i + 1);
    }
    CHECK_EQ(frame_get(asked + 72 + 62 * 3).opcode, SEND);
}

static void
answer(void)
{
    script_len = frame_put_data(script, READ_REPLY, 300, 1, 0x10000, 0, 'a');
    for (int i = 0; i < 300; i++) {
        script[HEAD + i] = (unsigned char) i;
    }
    script_len += frame_put(script + script_len, ERROR, EINVAL, 2, 0x10000, 1);
    script_len += frame_put_data(script + script_len, SEND, 7, 0, 0, 0, 'm');
    script_len += frame_put(script + script_len, WRITE_REPLY, 0, 1, 0x10000, 2);
    script_len += frame_put(script + script_len, ERROR, EIO, 2, 0x10000, 3);
    script_len += frame_put(script + script_len, WRITE_REPLY, 0, 3, 0x10000, 4);
}

static void
check_answered(int rounds)
{
    static const int expected[] = { 0, EINVAL, 0, EIO, 0 };

    // A failure completes at once: nothing follows the last frame.
    RUN_UNTIL(flow.evpl, operations[4].done && flow.client.recv_msg == rounds, FLOW_WAIT_MS);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(operations[i].done, 1);
        CHECK_EQ(operations[i].status, expected[i]);
    }
    for (int i = 0; i < 300; i++) {
        CHECK_EQ(((unsigned char *) parts[i / 100].data)[i % 100], (unsigned char) i);
    }
    CHECK_EQ(flow.client.messages[rounds - 1], 7);
}

static void
client_role(void)
{
    struct peer peer;
    int rounds = 0, listener;

    memset(&flow, 0, sizeof(flow));
    listener = peer_listen(&flow);
    peer_accept(&peer, &flow, listener);
    for (int i = 0; i < 3; i++) {
        shared_alloc(flow.evpl, &parts[i], 100, 0);
    }
    answer();
    for (size_t cut = 1; cut < script_len; cut++) {
        start_operations(&peer);
        peer_send(&peer, script, cut);
        RUN_PASSES(flow.evpl, 1);
        peer_send(&peer, script + cut, script_len - cut);
        check_answered(++rounds);
    }
    start_operations(&peer);
    for (size_t i = 0; i < script_len; i++) {
        peer_send(&peer, script + i, 1);
        RUN_PASSES(flow.evpl, 1);
    }
    check_answered(++rounds);
    close(peer.fd);
    close(listener);
    evpl_iovecs_release(flow.evpl, parts, 3);
    flow_end(&flow);
}

int
main(void)
{
    server_role();
    client_role();
    return 0;
}
