// protocols: STREAM_SOCKET_TCP STREAM_IO_URING_TCP STREAM_SOCKET_UNIX

// Data and end arrive while the loop is away: all of the data is there afterwards, with small buffers too.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { .config = test_config() };
    unsigned char bytes[100000];
    int fd, size = 4 << 20;

    evpl_global_config_set_buffer_size(flow.config, 16384);
    evpl_global_config_set_slab_size(flow.config, 64 << 20);
    flow_start(&flow);
    fd = raw_dial(&flow);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    RUN_UNTIL(flow.evpl, flow.server->connected, FLOW_WAIT_MS);
    pattern_fill(bytes, sizeof(bytes), 0);
    raw_write(fd, bytes, sizeof(bytes));
    close(fd);
    RUN_UNTIL(flow.evpl, flow.server->disconnected, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->length, sizeof(bytes));
    CHECK(pattern_matches(flow.server->data, sizeof(bytes), 0));
    flow_end(&flow);
    return 0;
}
