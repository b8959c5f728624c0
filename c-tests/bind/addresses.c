// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// The text of both addresses at each moment of a connection's life.

#include "flow.h"

static char client_local[EVPL_ADDRESS_STRLEN];

static void
check(struct side *side, const char *local, const char *remote)
{
    char text[EVPL_ADDRESS_STRLEN];

    evpl_bind_get_local_address(side->bind, text, sizeof(text));
    CHECK_STR(text, local);
    evpl_bind_get_remote_address(side->bind, text, sizeof(text));
    CHECK_STR(text, remote);
}

// What the client's own end is called.
static const char *
client_name(struct flow *flow)
{
    return evpl_protocol_is_local(flow->protocol) ? "unix:*" : client_local;
}

static void
on_attach(struct side *side)
{
    check(side, "(NULL)", client_name(side->flow));
}

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    (void) notify;
    check(side, side->flow->text, client_name(side->flow));
    return 0;
}

static int
on_client(struct side *side, struct evpl_notify *notify)
{
    (void) notify;
    check(side, client_name(side->flow), side->flow->text);
    return 0;
}

int
main(void)
{
    struct flow flow = { .attach_hook = on_attach, .server_hook = on_server, .client_hook = on_client };
    char small[8], expected[EVPL_ADDRESS_STRLEN + 8];

    flow_start(&flow);
    flow_dial(&flow, &flow.client);
    evpl_bind_get_local_address(flow.client.bind, client_local, sizeof(client_local));
    if (evpl_protocol_is_inproc(flow.protocol)) {
        snprintf(expected, sizeof(expected), "%s#1", flow.text);
        CHECK_STR(client_local, expected);
    } else if (!evpl_protocol_is_local(flow.protocol)) {
        CHECK(strncmp(client_local, "127.0.0.1:", 10) == 0 && atoi(client_local + 10) > 0);
    }
    check(&flow.client, client_name(&flow), flow.text);
    evpl_bind_get_remote_address(flow.client.bind, small, sizeof(small));
    CHECK(strncmp(small, flow.text, 7) == 0 && small[7] == 0);

    RUN_UNTIL(flow.evpl, flow.client.connected && flow.server->connected, FLOW_WAIT_MS);
    evpl_close(flow.evpl, flow.client.bind);
    RUN_UNTIL(flow.evpl, flow.client.disconnected && flow.server->disconnected, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
