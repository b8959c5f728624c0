// protocols: DATAGRAM_SOCKET_UDP

// Datagrams to a socat that sends each back.

#include "program.h"

int
main(void)
{
    struct flow flow = { 0 };
    struct side side = { 0 };
    struct evpl_endpoint *any;
    unsigned char bytes[1400];
    uint64_t position = 0;
    pid_t pid;

    program_need("socat");
    flow_init(&flow);
    flow.evpl     = test_evpl();
    flow.endpoint = flow_endpoint(&flow);
    pid           = program_start("socat UDP-LISTEN:%d PIPE", flow.port);
    any           = evpl_endpoint_create("127.0.0.1", 0);
    side.flow     = &flow;
    side.evpl     = flow.evpl;
    side.peer     = flow.endpoint;
    side.attached = side.unconnected = 1;
    side.bind     = evpl_bind(flow.evpl, flow.protocol, any, side_notify, &side);
    CHECK(side.bind != NULL);
    // Datagrams are lost until it listens.
    for (int i = 0; side.recv_msg == 0; i++) {
        CHECK(i < 1000);
        side_send(&side, "ready?", 6);
        loop_idle(flow.evpl, 10);
    }
    loop_idle(flow.evpl, 50);
    side.length   = 0;
    side.recv_msg = 0;
    side.message_count = 0;
    for (int i = 0; i < 100; i++) {
        unsigned int length = 1 + (unsigned int) i * 13;

        pattern_fill(bytes, length, position);
        side_send(&side, bytes, length);
        position += length;
        RUN_UNTIL(flow.evpl, side.recv_msg == i + 1, FLOW_WAIT_MS);
        CHECK_EQ(side.messages[i], length);
    }
    CHECK(pattern_matches(side.data, position, 0));
    program_stop(pid);
    evpl_endpoint_close(any);
    flow_end(&flow);
    side_end(&side);
    return 0;
}
