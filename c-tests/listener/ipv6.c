// net: yes

// IPv6 literals: ::1 both ways, and a listener on :: serves IPv4 as well.

#include "counters.h"

static struct flow flow;
static struct counters servers, clients;

static void
dial(const char *address, int port)
{
    struct evpl_endpoint *endpoint = evpl_endpoint_create(address, port);
    int before                     = clients.connected;
    char text[EVPL_ADDRESS_STRLEN], expected[EVPL_ADDRESS_STRLEN];
    struct evpl_bind *bind;

    bind = evpl_connect(flow.evpl, flow.protocol, NULL, endpoint, counters_notify, NULL, &clients);
    CHECK(bind != NULL);
    evpl_bind_get_remote_address(bind, text, sizeof(text));
    snprintf(expected, sizeof(expected), strchr(address, ':') ? "[%s]:%d" : "%s:%d", address, port);
    CHECK_STR(text, expected);
    RUN_UNTIL(flow.evpl, clients.connected == before + 1 && servers.connected == before + 1, FLOW_WAIT_MS);
    evpl_bind_get_local_address(servers.last, text, sizeof(text));
    CHECK(strstr(text, address) != NULL);
    evpl_endpoint_close(endpoint);
}

int
main(void)
{
    int port = free_port(SOCK_STREAM), any_port = free_port(SOCK_STREAM);
    struct evpl_endpoint *any;

    library_init(NULL);
    flow.protocol = EVPL_STREAM_SOCKET_TCP;
    flow.evpl     = test_evpl();
    flow.endpoint = evpl_endpoint_create("::1", port);
    any           = evpl_endpoint_create("::", any_port);
    flow.listener = evpl_listener_create();
    flow.binding  = evpl_listener_attach(flow.evpl, flow.listener, counters_attach, &servers);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, any), 0);
    dial("::1", port);
    dial("::1", any_port);
    dial("127.0.0.1", any_port);
    evpl_endpoint_close(any);
    flow_end(&flow);
    return 0;
}
