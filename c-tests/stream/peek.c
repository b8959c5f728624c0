// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// peek copies, peekv lends, consume removes; what is peeked stays.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { .server_keep = 1 };
    struct evpl_iovec iovecs[8];
    unsigned char bytes[3000];
    uint64_t seen = 0;
    int niov;

    flow_connect(&flow);
    CHECK_EQ(evpl_peek(flow.evpl, flow.server->bind, bytes, 10), 0);
    CHECK_EQ(evpl_peekv(flow.evpl, flow.server->bind, iovecs, 8, 10), 0);
    CHECK_EQ(evpl_consume(flow.evpl, flow.server->bind, 0), 0);
    CHECK_EQ(evpl_consume(flow.evpl, flow.server->bind, 1), -1);

    pattern_fill(bytes, 3000, 0);
    evpl_send(flow.evpl, flow.client.bind, bytes, 3000);
    RUN_UNTIL(flow.evpl, evpl_peek(flow.evpl, flow.server->bind, bytes, 3000) == 3000, FLOW_WAIT_MS);
    CHECK_EQ(evpl_peek(flow.evpl, flow.server->bind, bytes, 100), 100);
    CHECK(pattern_matches(bytes, 100, 0));

    CHECK_EQ(evpl_consume(flow.evpl, flow.server->bind, 3001), -1);
    CHECK_EQ(evpl_consume(flow.evpl, flow.server->bind, -1), -1);
    CHECK_EQ(evpl_consume(flow.evpl, flow.server->bind, 1000), 0);
    CHECK_EQ(evpl_peek(flow.evpl, flow.server->bind, bytes, 3000), 2000);
    CHECK(pattern_matches(bytes, 2000, 1000));

    niov = evpl_peekv(flow.evpl, flow.server->bind, iovecs, 8, 1500);
    CHECK(niov >= 1);
    for (int i = 0; i < niov; i++) {
        CHECK(pattern_matches(iovecs[i].data, iovecs[i].length, 1000 + seen));
        seen += iovecs[i].length;
    }
    CHECK_EQ(seen, 1500);
    CHECK_EQ(evpl_peekv(flow.evpl, flow.server->bind, iovecs, 1, 1), 1);
    CHECK_EQ(iovecs[0].length, 1);

    CHECK_EQ(evpl_consume(flow.evpl, flow.server->bind, 2000), 0);
    CHECK_EQ(evpl_peek(flow.evpl, flow.server->bind, bytes, 1), 0);
    flow_end(&flow);
    return 0;
}
