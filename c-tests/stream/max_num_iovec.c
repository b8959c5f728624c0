// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// Any value of max_num_iovec moves many pieces: 1, and more than the kernel takes at once.

#include "../bind/flow.h"

static void
body(void *argument)
{
    struct flow flow = { .config = test_config() };
    struct evpl_iovec iovecs[3000];
    uint64_t position = 0;

    evpl_global_config_set_max_num_iovec(flow.config, *(unsigned int *) argument);
    flow_connect(&flow);
    for (int i = 0; i < 3000; i++) {
        side_alloc(&flow.client, &iovecs[i], 4, position);
        iovecs[i].length = 3;
        position += 3;
    }
    evpl_sendv(flow.evpl, flow.client.bind, iovecs, 3000, (int) position, EVPL_SEND_FLAG_TAKE_REF);
    RUN_UNTIL(flow.evpl, flow.server->length == position, FLOW_WAIT_MS);
    CHECK(pattern_matches(flow.server->data, position, 0));
    flow_end(&flow);
}

int
main(void)
{
    static unsigned int values[] = { 1, 100000 };

    CHECK_CHILD(body, &values[0], 0, "");
    CHECK_CHILD(body, &values[1], 0, "");
    return 0;
}
