// protocols: DATAGRAM_SOCKET_UDP

// A datagram longer than the receive limit is dropped and logged, never cut; shorter ones are delivered.

#include "../bind/flow.h"

static atomic_int lines;

static void
on_log(const char *level, const char *module, const char *file, int line, const char *format, va_list args)
{
    (void) module, (void) file, (void) line, (void) format, (void) args;
    lines += strcmp(level, "debug") != 0;
}

int
main(void)
{
    struct flow flow = { .config = test_config() };
    char bytes[300]  = { 0 };
    int before;

    evpl_global_config_set_max_datagram_size(flow.config, 100);
    flow_connect(&flow);
    evpl_set_log_fn(on_log, NULL);
    before = lines;
    side_send(&flow.client, bytes, 100);
    side_send(&flow.client, bytes, 101);
    side_send(&flow.client, bytes, 300);
    side_send(&flow.client, bytes, 7);
    RUN_UNTIL(flow.evpl, flow.server->recv_msg == 2, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->messages[0], 100);
    CHECK_EQ(flow.server->messages[1], 7);
    CHECK(lines > before);
    CHECK(!flow.server->disconnected);
    flow_end(&flow);
    return 0;
}
