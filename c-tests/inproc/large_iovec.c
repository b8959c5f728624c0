// protocols: STREAM_INPROC DATAGRAM_INPROC

// A LOCAL send larger than one buffer is copied whole.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { .config = test_config() };
    unsigned char *bytes = malloc(1000000);
    struct evpl_iovec iovecs[20];
    int niov, at = 0;

    evpl_global_config_set_buffer_size(flow.config, 65536);
    evpl_global_config_set_slab_size(flow.config, 64 << 20);
    flow_connect(&flow);
    pattern_fill(bytes, 1000000, 0);
    evpl_send(flow.evpl, flow.client.bind, bytes, 1000000);
    niov = evpl_iovec_alloc(flow.evpl, 1000000, 0, 20, 0, iovecs);
    CHECK(niov > 1);
    for (int i = 0; i < niov; i++) {
        pattern_fill(iovecs[i].data, iovecs[i].length, (uint64_t) (1000000 + at));
        at += (int) iovecs[i].length;
    }
    evpl_sendv(flow.evpl, flow.client.bind, iovecs, niov, 1000000, EVPL_SEND_FLAG_TAKE_REF);
    RUN_UNTIL(flow.evpl, flow.server->length == 2000000, FLOW_WAIT_MS);
    CHECK(pattern_matches(flow.server->data, 2000000, 0));
    if (flow_is_message(&flow)) {
        CHECK_EQ(flow.server->recv_msg, 2);
    }
    free(bytes);
    flow_end(&flow);
    return 0;
}
