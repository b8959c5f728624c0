// protocols: STREAM_SOCKET_TCP STREAM_IO_URING_TCP

// netcat sends a line and gets one.

#include "program.h"

static int
serve(struct side *side, struct evpl_notify *notify)
{
    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA) {
        side_take_data(side);
        if (side->length == 6) {
            evpl_send(side->evpl, side->bind, "world\n", 6);
            evpl_finish(side->evpl, side->bind);
        }
    }
    return 0;
}

int
main(void)
{
    struct flow flow = { .server_hook = serve };
    char line[16]    = { 0 };
    FILE *file;

    program_need("nc");
    flow_start(&flow);
    program_wait(flow.evpl, program_start("sh -c 'printf hello\\\\n | nc -w 5 127.0.0.1 %d > answer'", flow.port), 15000);
    CHECK(flow.server->length == 6 && memcmp(flow.server->data, "hello\n", 6) == 0);
    file = fopen("answer", "r");
    CHECK(file != NULL && fgets(line, sizeof(line), file) != NULL);
    CHECK_STR(line, "world\n");
    fclose(file);
    flow_end(&flow);
    return 0;
}
