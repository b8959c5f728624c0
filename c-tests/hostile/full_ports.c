// matrix: mech
// net: yes

// Every port a connect may take is in use: the connect ends as DISCONNECTED, and works again once a port is free.

#include "hostile.h"

#define PORTS   8
#define CLIENTS 12

static struct evpl_bind *binds[CLIENTS];
static int connected, disconnected;

static void
notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *event, void *private_data)
{
    (void) evpl;
    (void) bind;
    if (event->notify_type == EVPL_NOTIFY_CONNECTED) {
        connected++;
    } else if (event->notify_type == EVPL_NOTIFY_DISCONNECTED) {
        disconnected++;
        *(struct evpl_bind **) private_data = NULL;
    }
}

static void
dial(struct flow *flow, int i)
{
    binds[i] = evpl_connect(flow->evpl, flow->protocol, NULL, flow->endpoint, notify, NULL, &binds[i]);
    CHECK(binds[i] != NULL);
}

int
main(void)
{
    struct flow flow        = { 0 };
    struct counters servers = { 0 };
    FILE *range             = fopen("/proc/sys/net/ipv4/ip_local_port_range", "w");

    if (range == NULL || fprintf(range, "40000 %d\n", 40000 + PORTS - 1) < 0 || fclose(range) != 0) {
        SKIP("the range of ports cannot be set");
    }
    server_start(&flow, &servers);
    for (int i = 0; i < CLIENTS; i++) {
        dial(&flow, i);
    }
    RUN_UNTIL(flow.evpl, connected + disconnected == CLIENTS, FLOW_WAIT_MS);
    CHECK(connected > 0 && disconnected >= CLIENTS - PORTS);
    // A client is connected before the server has accepted it.
    RUN_UNTIL(flow.evpl, servers.last != NULL, FLOW_WAIT_MS);
    // The server closes, so that the client's port does not linger.
    evpl_close(flow.evpl, servers.last);
    connected = disconnected = 0;
    RUN_UNTIL(flow.evpl, disconnected == 1, FLOW_WAIT_MS);
    for (int i = 0; i < CLIENTS; i++) {
        if (binds[i] == NULL) {
            dial(&flow, i);
            break;
        }
    }
    RUN_UNTIL(flow.evpl, connected == 1, FLOW_WAIT_MS);
    CHECK_EQ(disconnected, 1);
    flow_end(&flow);
    return 0;
}
