// matrix: mech
// protocols: STREAM_SOCKET_TLS
// A peer that connects and says nothing is given up after a minute.
#include "flow.h"

static struct flow flow;

int
main(void)
{
    char byte;
    int fd;

    flow.config = test_config();
    evpl_global_config_set_virtual_clock(flow.config, 1);
    flow_start(&flow);
    fd = raw_dial(&flow);
    RUN_UNTIL(flow.evpl, flow.accepts == 1, FLOW_WAIT_MS);
    evpl_virtual_clock_advance(59000000000ULL);
    RUN_PASSES(flow.evpl, 10);
    CHECK_EQ(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    CHECK_EQ(flow.server->disconnected, 0);
    evpl_virtual_clock_advance(2000000000ULL);
    RUN_UNTIL(flow.evpl, flow.server->disconnected == 1, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->connected, 0);
    CHECK_EQ(recv(fd, &byte, 1, 0), 0);
    close(fd);
    flow_end(&flow);
    return 0;
}
