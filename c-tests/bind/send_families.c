// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Every way to send carries the same bytes in order, and treats references as its flags say.

#include "flow.h"

static uint64_t position;
static unsigned int expected[64];
static int sends;

static void
expect(unsigned int length)
{
    expected[sends++] = length;
    position += length;
}

int
main(void)
{
    struct flow flow = { 0 };
    struct side *client;
    struct evpl_iovec iovecs[4];
    char buffer[3000];

    flow_connect(&flow);
    client = &flow.client;

    pattern_fill(buffer, 100, position);
    side_send(client, buffer, 100);
    memset(buffer, 0, 100);
    expect(100);

    pattern_fill(buffer, 3000, position);
    evpl_sendtoep(flow.evpl, client->bind, flow.endpoint, buffer, 3000);
    expect(3000);
    if (!flow.datagram_unconnected) {
        pattern_fill(buffer, 70, position);
        evpl_sendto(flow.evpl, client->bind, NULL, buffer, 70);
        expect(70);
    }

    // Without TAKE_REF the caller keeps array and references, and may release at once.
    side_alloc(client, &iovecs[0], 500, position);
    side_alloc(client, &iovecs[1], 300, position + 500);
    side_sendv(client, iovecs, 2, 800, 0);
    expect(800);
    CHECK(iovecs[0].data != NULL && iovecs[0].length == 500);
    evpl_iovecs_release(flow.evpl, iovecs, 2);

    // The last iovec is used in part, those after it not at all; TAKE_REF consumes all of them.
    side_alloc(client, &iovecs[0], 500, position);
    side_alloc(client, &iovecs[1], 300, position + 500);
    side_alloc(client, &iovecs[2], 200, 0);
    side_alloc(client, &iovecs[3], 200, 0);
    side_sendv(client, iovecs, 4, 600, EVPL_SEND_FLAG_TAKE_REF);
    expect(600);
    CHECK(iovecs[0].data == NULL && iovecs[1].data == NULL);

    // The same without TAKE_REF: references of the unused stay where they are.
    side_alloc(client, &iovecs[0], 500, position);
    side_alloc(client, &iovecs[1], 300, 0);
    side_sendv(client, iovecs, 2, 400, 0);
    expect(400);
    evpl_iovecs_release(flow.evpl, iovecs, 2);

    // No iovecs: nothing happens, whatever the length says.
    side_sendv(client, iovecs, 0, 10, 0);
    side_sendv(client, iovecs, 0, 0, EVPL_SEND_FLAG_TAKE_REF);

    // The address of a connected bind does not matter.
    side_alloc(client, &iovecs[0], 250, position);
    if (flow.datagram_unconnected) {
        evpl_sendtoepv(flow.evpl, client->bind, flow.endpoint, iovecs, 1, 250, EVPL_SEND_FLAG_TAKE_REF);
    } else {
        evpl_sendtov(flow.evpl, client->bind, NULL, iovecs, 1, 250, EVPL_SEND_FLAG_TAKE_REF);
    }
    expect(250);
    CHECK(iovecs[0].data == NULL);

    // Reserved and committed memory.
    CHECK_EQ(evpl_iovec_reserve(flow.evpl, 1000, 0, 1, iovecs), 1);
    iovecs[0].length = 333;
    pattern_fill(iovecs[0].data, 333, position);
    evpl_iovec_commit(flow.evpl, 0, iovecs, 1);
    side_sendv(client, iovecs, 1, 333, EVPL_SEND_FLAG_TAKE_REF);
    expect(333);

    // Memory that may come from any thread.
    CHECK_EQ(evpl_iovec_alloc(flow.evpl, 444, 0, 1, EVPL_IOVEC_FLAG_SHARED, iovecs), 1);
    pattern_fill(iovecs[0].data, 444, position);
    side_sendv(client, iovecs, 1, 444, EVPL_SEND_FLAG_TAKE_REF);
    expect(444);

    // Not a multiple of anything, in many pieces.
    for (int i = 0; i < 4; i++) {
        side_alloc(client, &iovecs[i], 77, position + 77u * (unsigned int) i);
    }
    side_sendv(client, iovecs, 4, 4 * 77 - 1, EVPL_SEND_FLAG_TAKE_REF);
    expect(4 * 77 - 1);

    RUN_UNTIL(flow.evpl, flow.server->length >= position, FLOW_WAIT_MS);
    loop_idle(flow.evpl, 20);
    CHECK_EQ(flow.server->length, position);
    CHECK(pattern_matches(flow.server->data, position, 0));
    if (flow_is_message(&flow)) {
        CHECK_EQ(flow.server->message_count, sends);
        for (int i = 0; i < sends; i++) {
            CHECK_EQ(flow.server->messages[i], expected[i]);
        }
    }
    flow_end(&flow);
    return 0;
}
