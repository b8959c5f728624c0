// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// A hundred thousand sends of one byte each.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { 0 };

    flow_connect(&flow);
    for (uint64_t i = 0; i < 100000; i++) {
        evpl_send(flow.evpl, flow.client.bind, pattern(i), 1);
        if (i % 1000 < 20) {
            evpl_continue(flow.evpl);
        }
    }
    evpl_finish(flow.evpl, flow.client.bind);
    RUN_UNTIL(flow.evpl, flow.server->disconnected, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->length, 100000);
    CHECK(pattern_matches(flow.server->data, 100000, 0));
    flow_end(&flow);
    return 0;
}
