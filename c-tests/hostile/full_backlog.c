// timeout: 60

// More TCP connects than a server's backlog takes: the loop is not held up, one may be closed while it waits, and the
// others get through once the server accepts.

#include "hostile.h"

#define CLIENTS 6

int
main(void)
{
    struct flow flow        = { 0 };
    struct counters clients = { 0 }, given_up = { 0 };
    int fd, accepted        = 0;
    struct pollfd waiting;

    flow_init(&flow);
    flow.evpl     = test_evpl();
    flow.endpoint = flow_endpoint(&flow);
    fd            = raw_listen(&flow, 1);
    waiting       = (struct pollfd) { .fd = fd, .events = POLLIN };
    for (int i = 0; i < CLIENTS; i++) {
        evpl_send(flow.evpl, counters_dial(&clients, flow.evpl, &flow), "x", 1);
    }
    evpl_close(flow.evpl, counters_dial(&given_up, flow.evpl, &flow));
    loop_idle(flow.evpl, 100);
    CHECK_EQ(given_up.disconnected, 1);
    CHECK(clients.connected < CLIENTS);
    CHECK_EQ(clients.disconnected, 0);
    while (clients.connected < CLIENTS) {
        if (poll(&waiting, 1, 0) == 1 && accept(fd, NULL, NULL) >= 0) {
            accepted++;
        }
        loop_idle(flow.evpl, 1);
        CHECK(accepted <= CLIENTS + 1);
    }
    CHECK_EQ(clients.disconnected, 0);
    flow_end(&flow);
    close(fd);
    return 0;
}
