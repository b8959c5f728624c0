// timeout: 60
// protocols: STREAM_SOCKET_TCP STREAM_IO_URING_TCP STREAM_SOCKET_UNIX

// A connection to a socat that echoes: everything comes back, then the program ends when we do.

#include "program.h"

#define LENGTH (5u << 20)

int
main(void)
{
    struct flow flow = { 0 };
    unsigned char *bytes = malloc(LENGTH);
    pid_t pid;

    program_need("socat");
    flow_init(&flow);
    flow.evpl     = test_evpl();
    flow.endpoint = flow_endpoint(&flow);
    if (evpl_protocol_is_local(flow.protocol)) {
        pid = program_start("socat UNIX-LISTEN:%s,fork EXEC:cat", flow.path);
    } else {
        pid = program_start("socat TCP-LISTEN:%d,reuseaddr,fork EXEC:cat", flow.port);
    }
    program_wait_listening(&flow);
    flow_dial(&flow, &flow.client);
    pattern_fill(bytes, LENGTH, 0);
    evpl_send(flow.evpl, flow.client.bind, bytes, LENGTH);
    RUN_UNTIL(flow.evpl, flow.client.length == LENGTH, FLOW_WAIT_MS);
    CHECK(pattern_matches(flow.client.data, LENGTH, 0));
    program_stop(pid);
    free(bytes);
    evpl_close(flow.evpl, flow.client.bind);
    RUN_UNTIL(flow.evpl, flow.client.disconnected, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
