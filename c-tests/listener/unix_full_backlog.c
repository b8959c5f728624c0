// Connecting to a Unix server whose backlog is full waits without blocking the loop, and gets through once there
// is room; if there never is, it is DISCONNECTED after some seconds.

#include "counters.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct counters clients = { 0 };
    uint64_t start;
    int fd, first, accepted[3];

    setenv("EVPL_TEST_PROTOCOL", "STREAM_SOCKET_UNIX", 1);
    flow_init(&flow);
    flow.evpl     = test_evpl();
    flow.endpoint = flow_endpoint(&flow);
    fd            = raw_listen(&flow, 0);
    first         = raw_dial(&flow);
    start         = now_ms();
    counters_dial(&clients, flow.evpl, &flow);
    evpl_send(flow.evpl, counters_dial(&clients, flow.evpl, &flow), "patient", 7);
    CHECK(now_ms() - start < 1000);
    loop_idle(flow.evpl, 200);
    CHECK_EQ(clients.connected + clients.disconnected, 0);
    accepted[0] = accept(fd, NULL, NULL);
    RUN_UNTIL(flow.evpl, clients.connected == 1, FLOW_WAIT_MS);
    accepted[1] = accept(fd, NULL, NULL);
    RUN_UNTIL(flow.evpl, clients.connected == 2, FLOW_WAIT_MS);
    accepted[2] = accept(fd, NULL, NULL);
    CHECK(accepted[2] >= 0);

    close(first);
    first = raw_dial(&flow);
    start = now_ms();
    counters_dial(&clients, flow.evpl, &flow);
    RUN_UNTIL(flow.evpl, clients.disconnected == 1, FLOW_WAIT_MS);
    CHECK(now_ms() - start >= 2000 && now_ms() - start < 10000);
    CHECK_EQ(clients.connected, 2);
    for (int i = 0; i < 3; i++) {
        close(accepted[i]);
    }
    close(first);
    close(fd);
    flow_end(&flow);
    return 0;
}
