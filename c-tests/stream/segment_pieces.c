// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// A message made of thousands of separate pieces arrives whole.

#include "../bind/flow.h"

#define PIECES 5000

static int
all(struct evpl *evpl, struct evpl_bind *bind, void *private_data)
{
    (void) evpl, (void) bind, (void) private_data;
    return PIECES;
}

int
main(void)
{
    struct flow flow = { .server_segment = all };
    struct evpl_iovec iovec;

    flow_connect(&flow);
    for (int i = 0; i < PIECES; i++) {
        // A byte between them keeps neighbours apart.
        CHECK_EQ(evpl_iovec_alloc(flow.evpl, 2, 0, 1, EVPL_IOVEC_FLAG_SHARED, &iovec), 1);
        pattern_fill(iovec.data, 1, (uint64_t) i);
        iovec.length = 1;
        evpl_sendv(flow.evpl, flow.client.bind, &iovec, 1, 1, EVPL_SEND_FLAG_TAKE_REF);
        if (i % 500 == 0) {
            evpl_continue(flow.evpl);
        }
    }
    RUN_UNTIL(flow.evpl, flow.server->recv_msg == 1, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->length, PIECES);
    CHECK(pattern_matches(flow.server->data, PIECES, 0));
    flow_end(&flow);
    return 0;
}
