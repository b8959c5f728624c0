// One listener serves endpoints of several protocols; each accepted connection knows its own.

#include "counters.h"

static int seen[EVPL_NUM_PROTO];

static void
on_attach(struct counters *counters, struct evpl *evpl, struct evpl_bind *bind)
{
    (void) counters, (void) evpl;
    seen[evpl_bind_get_protocol(bind)]++;
}

int
main(void)
{
    static const enum evpl_protocol_id protocols[] = { EVPL_STREAM_SOCKET_TCP, EVPL_STREAM_SOCKET_UNIX,
                                                       EVPL_STREAM_INPROC, EVPL_DATAGRAM_INPROC,
                                                       EVPL_STREAM_SOCKET_TCP };
    struct flow flow = { 0 }, others[5] = { { 0 } };
    struct counters clients = { 0 }, servers = { .on_attach = on_attach };

    counters_start(&flow);
    flow.binding = evpl_listener_attach(flow.evpl, flow.listener, counters_attach, &servers);
    for (int i = 0; i < 5; i++) {
        others[i].protocol = protocols[i];
        others[i].endpoint = flow_endpoint(&others[i]);
        CHECK_EQ(evpl_listen(flow.listener, protocols[i], others[i].endpoint), 0);
        counters_dial(&clients, flow.evpl, &others[i]);
    }
    RUN_UNTIL(flow.evpl, servers.connected == 5 && clients.connected == 5, FLOW_WAIT_MS);
    CHECK(seen[EVPL_STREAM_SOCKET_TCP] == 2 && seen[EVPL_STREAM_SOCKET_UNIX] == 1);
    CHECK(seen[EVPL_STREAM_INPROC] == 1 && seen[EVPL_DATAGRAM_INPROC] == 1);
    for (int i = 0; i < 5; i++) {
        evpl_endpoint_close(others[i].endpoint);
    }
    flow_end(&flow);
    return 0;
}
