// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// evpl_recv copies and removes what is there; with ALL_OR_NONE nothing unless all is there.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { .server_keep = 1 };
    char bytes[32];

    flow_connect(&flow);
    CHECK_EQ(evpl_recv(flow.evpl, flow.server->bind, bytes, 10, 0), 0);
    evpl_send(flow.evpl, flow.client.bind, "0123456789", 10);
    RUN_UNTIL(flow.evpl, evpl_peek(flow.evpl, flow.server->bind, bytes, 32) == 10, FLOW_WAIT_MS);
    CHECK_EQ(evpl_recv(flow.evpl, flow.server->bind, bytes, 11, EVPL_RECV_FLAG_ALL_OR_NONE), 0);
    CHECK_EQ(evpl_recv(flow.evpl, flow.server->bind, bytes, 4, 0), 4);
    CHECK(memcmp(bytes, "0123", 4) == 0);
    CHECK_EQ(evpl_recv(flow.evpl, flow.server->bind, bytes, 7, EVPL_RECV_FLAG_ALL_OR_NONE), 0);
    CHECK_EQ(evpl_recv(flow.evpl, flow.server->bind, bytes, 2, EVPL_RECV_FLAG_ALL_OR_NONE), 2);
    CHECK(memcmp(bytes, "45", 2) == 0);
    CHECK_EQ(evpl_recv(flow.evpl, flow.server->bind, bytes, 32, 0), 4);
    CHECK(memcmp(bytes, "6789", 4) == 0);
    CHECK_EQ(evpl_recv(flow.evpl, flow.server->bind, bytes, 32, 0), 0);
    flow_end(&flow);
    return 0;
}
