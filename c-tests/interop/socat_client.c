// timeout: 60
// protocols: STREAM_SOCKET_TCP STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@

// socat uploads a file to a listener, and downloads one from it.

#include "program.h"

#define LENGTH (20u << 20)

static int
serve(struct side *side, struct evpl_notify *notify)
{
    unsigned char *bytes;

    if (notify->notify_type == EVPL_NOTIFY_CONNECTED && side != side->flow->server) {
        bytes = malloc(LENGTH);
        pattern_fill(bytes, LENGTH, 0);
        evpl_send(side->evpl, side->bind, bytes, LENGTH);
        evpl_finish(side->evpl, side->bind);
        free(bytes);
    }
    return 0;
}

int
main(void)
{
    struct flow flow = { .server_hook = serve };
    pid_t pid;

    program_need("socat");
    flow_start(&flow);
    file_write_pattern(test_path("up"), LENGTH);
    pid = program_start("socat -u OPEN:%s %s", test_path("up"), program_socat_address(&flow));
    CHECK_EQ(program_wait(flow.evpl, pid, 50000), 0);
    RUN_UNTIL(flow.evpl, flow.server->disconnected, FLOW_WAIT_MS);
    CHECK_EQ(flow.server->length, LENGTH);
    CHECK(pattern_matches(flow.server->data, LENGTH, 0));

    pid = program_start("socat -u %s CREATE:%s", program_socat_address(&flow), test_path("down"));
    CHECK_EQ(program_wait(flow.evpl, pid, 50000), 0);
    RUN_UNTIL(flow.evpl, flow.accepted[1].disconnected, FLOW_WAIT_MS);
    file_check_pattern(test_path("down"), LENGTH);
    flow_end(&flow);
    return 0;
}
