// protocols: STREAM_INPROC DATAGRAM_INPROC

// The first two connections of a process are #1 and #2; nobody listening has no serial and no connection.

#include "../bind/flow.h"

static void
check_local(struct side *side, const char *format)
{
    char text[EVPL_ADDRESS_STRLEN], expected[EVPL_ADDRESS_STRLEN + 8];

    snprintf(expected, sizeof(expected), "%s%s", side->flow->text, format);
    evpl_bind_get_local_address(side->bind, text, sizeof(text));
    CHECK_STR(text, format[0] ? expected : "(NULL)");
}

int
main(void)
{
    struct flow flow   = { 0 };
    struct side second = { 0 }, nobody = { 0 };
    struct evpl_endpoint *absent;

    flow_start(&flow);
    absent          = evpl_endpoint_create_inproc("absent");
    nobody.flow     = &flow;
    nobody.evpl     = flow.evpl;
    nobody.attached = 1;
    nobody.bind     = evpl_connect(flow.evpl, flow.protocol, NULL, absent, side_notify, NULL, &nobody);
    CHECK(nobody.bind != NULL);
    check_local(&nobody, "");

    flow_dial(&flow, &flow.client);
    check_local(&flow.client, "#1");
    flow_dial(&flow, &second);
    check_local(&second, "#2");
    RUN_UNTIL(flow.evpl, flow.client.connected && second.connected && nobody.disconnected, FLOW_WAIT_MS);
    CHECK_EQ(nobody.connected, 0);
    evpl_endpoint_close(absent);
    flow_end(&flow);
    side_end(&second);
    side_end(&nobody);
    return 0;
}
