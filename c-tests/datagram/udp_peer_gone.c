// protocols: DATAGRAM_SOCKET_UDP

// Nobody at the other end: datagrams are lost, the bind lives and reaches others.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct evpl_endpoint *nobody;

    flow_connect(&flow);
    nobody = evpl_endpoint_create("127.0.0.1", free_port(SOCK_DGRAM));
    for (int i = 0; i < 20; i++) {
        evpl_sendtoep(flow.evpl, flow.client.bind, nobody, "lost", 4);
        evpl_continue(flow.evpl);
    }
    side_send(&flow.client, "kept", 4);
    RUN_UNTIL(flow.evpl, flow.server->length == 4, FLOW_WAIT_MS);
    CHECK(!flow.client.disconnected);
    evpl_endpoint_close(nobody);
    flow_end(&flow);
    return 0;
}
