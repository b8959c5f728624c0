// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// Copied, lent and handed-over bytes interleave on one stream in the order of the calls, drained in all four
// ways in turn.

#include "../bind/flow.h"

#define ROUNDS 400

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    struct evpl_iovec iovecs[4];
    unsigned char bytes[1000];
    int got, niov;

    if (notify->notify_type != EVPL_NOTIFY_RECV_DATA) {
        return 0;
    }
    for (;;) {
        size_t before = side->length;

        got = evpl_recv(side->evpl, side->bind, bytes, 333, 0);
        side_append(side, bytes, (size_t) got);
        niov = evpl_recvv(side->evpl, side->bind, iovecs, 4, 500, NULL);
        for (int i = 0; i < niov; i++) {
            side_append(side, iovecs[i].data, iovecs[i].length);
        }
        evpl_iovecs_release(side->evpl, iovecs, niov);
        got = evpl_peek(side->evpl, side->bind, bytes, 100);
        side_append(side, bytes, (size_t) got);
        CHECK_EQ(evpl_consume(side->evpl, side->bind, got), 0);
        niov = evpl_peekv(side->evpl, side->bind, iovecs, 4, 700);
        got  = 0;
        for (int i = 0; i < niov; i++) {
            side_append(side, iovecs[i].data, iovecs[i].length);
            got += (int) iovecs[i].length;
        }
        CHECK_EQ(evpl_consume(side->evpl, side->bind, got), 0);
        if (side->length == before) {
            return 1;
        }
    }
}

int
main(void)
{
    struct flow flow = { .server_hook = on_server };
    struct evpl_iovec iovec;
    unsigned char bytes[2000];
    uint64_t position = 0;

    flow_connect(&flow);
    for (int i = 0; i < ROUNDS; i++) {
        unsigned int length = 1 + (unsigned int) (i * 613) % 2000;

        switch (i % 4) {
        case 0:
            pattern_fill(bytes, length, position);
            evpl_send(flow.evpl, flow.client.bind, bytes, length);
            break;
        case 1:
            side_alloc(&flow.client, &iovec, length, position);
            evpl_sendv(flow.evpl, flow.client.bind, &iovec, 1, (int) length, 0);
            evpl_iovec_release(flow.evpl, &iovec);
            break;
        case 2:
            side_alloc(&flow.client, &iovec, length, position);
            evpl_sendv(flow.evpl, flow.client.bind, &iovec, 1, (int) length, EVPL_SEND_FLAG_TAKE_REF);
            break;
        case 3:
            CHECK_EQ(evpl_iovec_reserve(flow.evpl, 2000, 0, 1, &iovec), 1);
            iovec.length = length;
            pattern_fill(iovec.data, length, position);
            evpl_iovec_commit(flow.evpl, 0, &iovec, 1);
            evpl_sendv(flow.evpl, flow.client.bind, &iovec, 1, (int) length, EVPL_SEND_FLAG_TAKE_REF);
            break;
        }
        position += length;
        if (i % 7 == 0) {
            evpl_continue(flow.evpl);
        }
    }
    RUN_UNTIL(flow.evpl, flow.server->length == position, FLOW_WAIT_MS);
    CHECK(pattern_matches(flow.server->data, position, 0));
    flow_end(&flow);
    return 0;
}
