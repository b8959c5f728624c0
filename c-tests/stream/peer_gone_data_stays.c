// protocols: STREAM_SOCKET_TCP STREAM_IO_URING_TCP STREAM_SOCKET_UNIX

// The peer wrote, then closed without reading: what it wrote is delivered although our writes fail.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    char bytes[60000];
    int fd;

    flow_start(&flow);
    fd = raw_dial(&flow);
    RUN_UNTIL(flow.evpl, flow.server->connected, FLOW_WAIT_MS);
    pattern_fill(bytes, sizeof(bytes), 0);
    raw_write(fd, bytes, sizeof(bytes));
    close(fd);
    evpl_send(flow.evpl, flow.server->bind, bytes, sizeof(bytes));
    RUN_UNTIL(flow.evpl, flow.server->disconnected, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->length, sizeof(bytes));
    CHECK(pattern_matches(flow.server->data, sizeof(bytes), 0));
    flow_end(&flow);
    return 0;
}
