// protocols: STREAM_INPROC DATAGRAM_INPROC

// A listener destroyed before its loop took the connections: every client is told, none stays open for ever.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct side sides[5] = { { 0 } };
    struct evpl *other;

    flow_start(&flow);
    other = test_evpl();
    for (int i = 0; i < 5; i++) {
        sides[i].flow     = &flow;
        sides[i].evpl     = other;
        sides[i].attached = 1;
        sides[i].bind = evpl_connect(other, flow.protocol, NULL, flow.endpoint, side_notify, NULL, &sides[i]);
        CHECK(sides[i].bind != NULL);
        evpl_send(other, sides[i].bind, "hello", 5);
    }
    evpl_listener_detach(flow.evpl, flow.binding);
    flow.binding = NULL;
    evpl_listener_destroy(flow.listener);
    flow.listener = NULL;
    for (int i = 0; i < 5; i++) {
        RUN_UNTIL(other, sides[i].disconnected, FLOW_WAIT_MS);
    }
    loop_idle(flow.evpl, 20);
    CHECK_EQ(flow.accepts, 0);
    evpl_destroy(other);
    for (int i = 0; i < 5; i++) {
        side_end(&sides[i]);
    }
    flow_end(&flow);
    return 0;
}
