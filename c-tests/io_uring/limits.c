// protocols: STREAM_IO_URING_TCP
// matrix: mech
// Little locked memory and few descriptors: either the protocol is not available, or it works as far as
// descriptors go, says DISCONNECTED beyond, and goes on when they are free again.

#include "../listener/counters.h"
#include <sys/resource.h>

static struct counters clients, servers = { .echo = 1 };
static struct flow flow;
static int hogs[64], hog_count;

static void
dial(int count)
{
    while (count-- > 0) {
        evpl_send(flow.evpl, counters_dial(&clients, flow.evpl, &flow), "x", 1);
    }
}

int
main(void)
{
    struct rlimit memory = { 65536, 65536 }, few = { 64, 64 };

    CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &memory), 0);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    counters_start(&flow);
    flow.binding = evpl_listener_attach(flow.evpl, flow.listener, counters_attach, &servers);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);
    dial(1);
    RUN_UNTIL(flow.evpl, clients.received == 1, FLOW_WAIT_MS);
    while (hog_count < 64 && (hogs[hog_count] = dup(0)) >= 0) {
        hog_count++;
    }
    dial(5);
    RUN_UNTIL(flow.evpl, clients.disconnected == 5, FLOW_WAIT_MS);
    for (int i = 0; i < 3; i++) {
        close(hogs[--hog_count]);
    }
    // The listener may take one of these before the last is dialled.
    dial(3);
    RUN_UNTIL(flow.evpl, clients.connected + clients.disconnected == 9, FLOW_WAIT_MS);
    CHECK(clients.connected >= 3);
    loop_idle(flow.evpl, 60);
    while (hog_count > 0) {
        close(hogs[--hog_count]);
    }
    RUN_UNTIL(flow.evpl, clients.received == (uint64_t) clients.connected, FLOW_WAIT_MS);
    flow_end(&flow);
    CHECK_EQ(clients.disconnected, 9);
    CHECK_EQ(servers.disconnected, servers.connected);
    return 0;
}
