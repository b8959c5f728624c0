// protocols: DATAGRAM_TCP_RDMA

// What breaks the protocol closes the connection, with one error line, at either end; what only asks for too much is
// refused and the connection lives. Nothing of it reaches memory.

#include "wire.h"

static struct flow flow;
static struct evpl_iovec memory;
static uint32_t key;
static uint64_t address;

static void
server_closes(const unsigned char *bytes, size_t length)
{
    struct peer peer;

    peer_dial(&peer, &flow);
    test_log_capture();
    peer_send(&peer, bytes, length);
    peer_expect_end(&peer);
    CHECK_EQ(test_log_errors, 1);
    CHECK(strstr(test_log_last_error, "closed") != NULL);
    CHECK_EQ(flow.accepted[0].recv_msg, 0);
    flow_forget_server(&flow);
}

static void
server_refuses(uint32_t opcode, uint32_t with_key, uint64_t at, uint32_t length)
{
    static unsigned char bytes[8192];
    struct peer peer;
    size_t used = opcode == READ_REQUEST
                      ? frame_put_read(bytes, with_key, at, 0xdeadbeefcafef00d, length)
                      : frame_put_data(bytes, WRITE_REQUEST, length, with_key, at, 0xdeadbeefcafef00d, 'x');

    peer_dial(&peer, &flow);
    peer_send(&peer, bytes, used);
    frame_put(bytes, ERROR, EINVAL, with_key, at, 0xdeadbeefcafef00d);
    peer_expect(&peer, bytes, HEAD);
    // The connection is as good as before.
    peer_send(&peer, bytes, frame_put_read(bytes, key, address, 3, 1));
    frame_put_data(bytes, READ_REPLY, 1, key, address, 3, 'm');
    peer_expect(&peer, bytes, HEAD + 1);
    close(peer.fd);
    flow_forget_server(&flow);
}

static void
server_role(void)
{
    static const uint32_t opcodes[] = { 0, 7, 8, 255, 0x01000000, 0xffffffff };
    static const uint32_t lengths[] = { PAYLOAD + 1, 0x7fffffff, 0x80000000, 0xffffffe0, 0xffffffff };
    static const uint32_t wrong[]   = { 0, 3, 5, 8, 0xffffffff };
    static const uint32_t with[]    = { SEND, READ_REPLY, WRITE_REQUEST };
    unsigned char bytes[256]        = { 0 };
    struct peer peer;

    flow_start(&flow);
    shared_alloc(flow.evpl, &memory, 4096, 'm');
    peer_dial(&peer, &flow);
    evpl_rdma_get_address(flow.evpl, flow.server->bind, &memory, &key, &address);
    close(peer.fd);
    flow_forget_server(&flow);

    // Another protocol, a wrong first byte, a wrong last one.
    memcpy(bytes, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 36);
    server_closes(bytes, 36);
    for (int i = 0; i < 4; i++) {
        frame_put(bytes, SEND, 0, 0, 0, 0);
        bytes[i] ^= 1;
        server_closes(bytes, HEAD);
    }
    for (size_t i = 0; i < sizeof(opcodes) / sizeof(opcodes[0]); i++) {
        server_closes(bytes, frame_put(bytes, opcodes[i], 4, key, address, 0));
    }
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        for (size_t j = 0; j < 3; j++) {
            frame_put(bytes, with[j], lengths[i], key, address, 0);
            server_closes(bytes, sizeof(bytes));
        }
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        frame_put(bytes, READ_REQUEST, wrong[i], key, address, 0);
        server_closes(bytes, HEAD + 8);
        frame_put(bytes, WRITE_REPLY, wrong[i] | 1, key, address, 0);
        server_closes(bytes, HEAD);
    }
    // Answers to nothing.
    server_closes(bytes, frame_put(bytes, WRITE_REPLY, 0, key, address, 0));
    server_closes(bytes, frame_put(bytes, ERROR, EINVAL, key, address, 0));
    server_closes(bytes, frame_put(bytes, ERROR, 0, key, address, 0));
    server_closes(bytes, frame_put_data(bytes, READ_REPLY, 10, key, address, 0, 'x'));

    for (uint32_t opcode = READ_REQUEST; opcode <= WRITE_REQUEST; opcode += 2) {
        server_refuses(opcode, key + 1, address, 10);
        server_refuses(opcode, 0, address, 10);
        server_refuses(opcode, UINT32_MAX, address, 10);
        server_refuses(opcode, key, address, 4097);
        server_refuses(opcode, key, address + 1, 4096);
        server_refuses(opcode, key, address - 1, 4096);
        server_refuses(opcode, key, address + 4096, 1);
        server_refuses(opcode, key, address - 1, 1);
        server_refuses(opcode, key, 0, 1);
        server_refuses(opcode, key, UINT64_MAX, 1);
        server_refuses(opcode, key, UINT64_MAX - 9, 100);
        server_refuses(opcode, key, (uint64_t) 0 - 4096, 4096);
    }
    server_refuses(READ_REQUEST, key, address, UINT32_MAX);
    server_refuses(READ_REQUEST, key, address, 1u << 30);
    server_refuses(READ_REQUEST, key, 0 - (address & 0xffffffff), UINT32_MAX);
    for (int i = 0; i < 4096; i++) {
        CHECK_EQ(((char *) memory.data)[i], 'm');
    }
    evpl_iovec_release(flow.evpl, &memory);
    flow_end(&flow);
}

// One operation, what the peer says to it, and how it ends; the connection does too.
static void
client_closes(int listener, int is_read, const unsigned char *bytes, size_t length, int status)
{
    struct operation first = { .side = &flow.client }, second = { .side = &flow.client };
    struct evpl_iovec local;
    unsigned char asked[256];
    struct peer peer;

    peer_accept(&peer, &flow, listener);
    shared_alloc(flow.evpl, &local, 100, 'l');
    if (is_read) {
        evpl_rdma_read(flow.evpl, flow.client.bind, 1, 1, &local, 1, operation_done, &first);
    } else {
        evpl_rdma_write(flow.evpl, flow.client.bind, 1, 1, &local, 1, 0, operation_done, &first);
    }
    peer_recv(&peer, asked, is_read ? 36 : 132);
    evpl_rdma_read(flow.evpl, flow.client.bind, 1, 1, &local, 1, operation_done, &second);
    peer_recv(&peer, asked, 36);
    test_log_capture();
    peer_send(&peer, bytes, length);
    peer_expect_end(&peer);
    RUN_UNTIL(flow.evpl, flow.client.disconnected, FLOW_WAIT_MS);
    CHECK_EQ(test_log_errors, 1);
    CHECK_EQ(first.done, 1);
    CHECK_EQ(first.status, status);
    CHECK_EQ(second.done, 1);
    CHECK_EQ(second.status, ECONNRESET);
    CHECK_EQ(*(char *) local.data, 'l');
    evpl_iovec_release(flow.evpl, &local);
    flow_forget_client(&flow);
}

static void
client_role(void)
{
    unsigned char bytes[512] = { 0 };
    int listener;

    memset(&flow, 0, sizeof(flow));
    listener = peer_listen(&flow);
    client_closes(listener, 1, bytes, frame_put_data(bytes, READ_REPLY, 101, 1, 1, 0, 'x'), EPROTO);
    client_closes(listener, 1, bytes, frame_put_data(bytes, READ_REPLY, 99, 1, 1, 0, 'x'), EPROTO);
    client_closes(listener, 1, bytes, frame_put_data(bytes, READ_REPLY, 0, 1, 1, 0, 'x'), EPROTO);
    client_closes(listener, 1, bytes, frame_put(bytes, WRITE_REPLY, 0, 1, 1, 0), EPROTO);
    client_closes(listener, 0, bytes, frame_put_data(bytes, READ_REPLY, 100, 1, 1, 0, 'x'), EPROTO);
    client_closes(listener, 0, bytes, frame_put(bytes, WRITE_REPLY, 4, 1, 1, 0), ECONNRESET);
    client_closes(listener, 0, bytes, frame_put(bytes, ERROR, 0, 1, 1, 0), ECONNRESET);
    client_closes(listener, 1, bytes, frame_put(bytes, ERROR, 0x80000000, 1, 1, 0), ECONNRESET);
    client_closes(listener, 1, bytes, frame_put(bytes, 9, 0, 1, 1, 0), ECONNRESET);
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
