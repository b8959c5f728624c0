// protocols: DATAGRAM_SOCKET_UDP

// A bind shows the port it got, from port 0 too, and no remote address; a message shows its sender.

#include "../bind/flow.h"

static char sender[EVPL_ADDRESS_STRLEN];

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    if (notify->notify_type == EVPL_NOTIFY_RECV_MSG) {
        evpl_sendto(side->evpl, side->bind, notify->recv_msg.addr, "reply", 5);
    }
    return 0;
}

int
main(void)
{
    struct flow flow = { .server_hook = on_server };
    struct side any  = { 0 };
    struct evpl_endpoint *endpoint;
    char text[EVPL_ADDRESS_STRLEN];

    flow_connect(&flow);
    evpl_bind_get_local_address(flow.server->bind, text, sizeof(text));
    CHECK_STR(text, flow.text);
    evpl_bind_get_remote_address(flow.server->bind, text, sizeof(text));
    CHECK_STR(text, "(NULL)");

    endpoint        = evpl_endpoint_create("127.0.0.1", 0);
    any.flow        = &flow;
    any.evpl        = flow.evpl;
    any.unconnected = any.attached = 1;
    any.peer        = flow.endpoint;
    any.bind        = evpl_bind(flow.evpl, flow.protocol, endpoint, side_notify, &any);
    CHECK(any.bind != NULL);
    evpl_bind_get_local_address(any.bind, sender, sizeof(sender));
    CHECK(strncmp(sender, "127.0.0.1:", 10) == 0 && atoi(sender + 10) > 0);
    side_send(&any, "hello", 5);
    RUN_UNTIL(flow.evpl, any.length == 5, FLOW_WAIT_MS);
    CHECK(memcmp(any.data, "reply", 5) == 0);
    evpl_endpoint_close(endpoint);
    flow_end(&flow);
    side_end(&any);
    return 0;
}
