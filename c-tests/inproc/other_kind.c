// A stream connect to a datagram listener, and the reverse, is refused like an absent name; a name in use by
// either kind is taken.

#include "../bind/flow.h"

static void
run(enum evpl_protocol_id listening, enum evpl_protocol_id connecting)
{
    struct flow flow = { 0 };
    struct evpl_listener *other;

    setenv("EVPL_TEST_PROTOCOL", listening == EVPL_STREAM_INPROC ? "STREAM_INPROC" : "DATAGRAM_INPROC", 1);
    flow_start(&flow);
    other = evpl_listener_create();
    CHECK_EQ(evpl_listen(other, connecting, flow.endpoint), -1);
    CHECK_EQ(errno, EADDRINUSE);
    CHECK_EQ(evpl_listen(other, listening, flow.endpoint), -1);
    evpl_listener_destroy(other);

    flow.protocol = connecting;
    flow_dial(&flow, &flow.client);
    RUN_UNTIL(flow.evpl, flow.client.disconnected, FLOW_WAIT_MS);
    CHECK_EQ(flow.client.connected, 0);
    CHECK_EQ(flow.accepts, 0);
    flow_end(&flow);
}

int
main(void)
{
    library_init(NULL);
    run(EVPL_STREAM_INPROC, EVPL_DATAGRAM_INPROC);
    run(EVPL_DATAGRAM_INPROC, EVPL_STREAM_INPROC);
    return 0;
}
