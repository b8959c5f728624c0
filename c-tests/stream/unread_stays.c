// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// Bytes left in the queue stay without a second notification; new ones join them.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { .server_keep = 1 };
    char bytes[16];

    flow_connect(&flow);
    evpl_send(flow.evpl, flow.client.bind, "one", 3);
    RUN_UNTIL(flow.evpl, flow.server->recv_data == 1, FLOW_WAIT_MS);
    loop_idle(flow.evpl, 30);
    CHECK_EQ(flow.server->recv_data, 1);
    evpl_send(flow.evpl, flow.client.bind, "two", 3);
    RUN_UNTIL(flow.evpl, flow.server->recv_data == 2, FLOW_WAIT_MS);
    CHECK_EQ(evpl_recv(flow.evpl, flow.server->bind, bytes, sizeof(bytes), 0), 6);
    CHECK(memcmp(bytes, "onetwo", 6) == 0);
    flow_end(&flow);
    return 0;
}
