// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// evpl_recvv hands out references, stops at either limit, and reports the bytes.

#include "../bind/flow.h"

// As many separate iovecs as the protocol leaves separate.
static void
send_pieces(struct flow *flow, int count, uint64_t *position)
{
    struct evpl_iovec iovec;

    for (int i = 0; i < count; i++) {
        CHECK_EQ(evpl_iovec_alloc(flow->evpl, 100, 0, 1, EVPL_IOVEC_FLAG_SHARED, &iovec), 1);
        pattern_fill(iovec.data, 100, *position);
        *position += 100;
        evpl_sendv(flow->evpl, flow->client.bind, &iovec, 1, 100, EVPL_SEND_FLAG_TAKE_REF);
    }
}

int
main(void)
{
    struct flow flow = { .server_keep = 1 };
    struct evpl_iovec iovecs[16];
    char bytes[2048];
    uint64_t position = 0, taken = 0;
    int length, niov;

    flow_connect(&flow);
    length = 77;
    CHECK_EQ(evpl_recvv(flow.evpl, flow.server->bind, iovecs, 16, 100, &length), 0);
    CHECK_EQ(length, 0);

    send_pieces(&flow, 10, &position);
    RUN_UNTIL(flow.evpl, evpl_peek(flow.evpl, flow.server->bind, bytes, 2048) == 1000, FLOW_WAIT_MS);

    // A byte limit in the middle of things.
    niov = evpl_recvv(flow.evpl, flow.server->bind, iovecs, 16, 150, &length);
    CHECK(niov >= 1 && niov <= 2);
    CHECK_EQ(length, 150);
    for (int i = 0; i < niov; i++) {
        CHECK(pattern_matches(iovecs[i].data, iovecs[i].length, taken));
        taken += iovecs[i].length;
    }
    CHECK_EQ(taken, 150);
    evpl_iovecs_release(flow.evpl, iovecs, niov);

    // An iovec limit; the length may be left out.
    niov = evpl_recvv(flow.evpl, flow.server->bind, iovecs, 1, 2000, NULL);
    CHECK_EQ(niov, 1);
    CHECK(pattern_matches(iovecs[0].data, iovecs[0].length, taken));
    taken += iovecs[0].length;
    evpl_iovecs_release(flow.evpl, iovecs, niov);

    while ((niov = evpl_recvv(flow.evpl, flow.server->bind, iovecs, 3, 2000, &length)) > 0) {
        for (int i = 0; i < niov; i++) {
            CHECK(pattern_matches(iovecs[i].data, iovecs[i].length, taken));
            taken += iovecs[i].length;
            length -= (int) iovecs[i].length;
        }
        CHECK_EQ(length, 0);
        evpl_iovecs_release(flow.evpl, iovecs, niov);
    }
    CHECK_EQ(taken, 1000);
    flow_end(&flow);
    return 0;
}
