// protocols: STREAM_SOCKET_TCP STREAM_IO_URING_TCP STREAM_SOCKET_UNIX

// A peer that half closes after its request gets the answer queued in the same pass, then the end.

#include "../bind/flow.h"

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA) {
        evpl_send(side->evpl, side->bind, "answer", 6);
    }
    return 0;
}

int
main(void)
{
    struct flow flow = { .server_hook = on_server };
    char bytes[32];
    int fd;

    flow_start(&flow);
    // Once known to the loop before, once not.
    for (int i = 0; i < 2; i++) {
        fd = raw_dial(&flow);
        if (i == 1) {
            RUN_UNTIL(flow.evpl, flow.accepts == 2, FLOW_WAIT_MS);
        }
        raw_write(fd, "request", 7);
        shutdown(fd, SHUT_WR);
        RUN_UNTIL(flow.evpl, flow.accepted[i].disconnected, FLOW_WAIT_MS);
        CHECK_EQ(flow.accepted[i].length, 7);
        CHECK_EQ(raw_read(fd, bytes, sizeof(bytes)), 6);
        CHECK(memcmp(bytes, "answer", 6) == 0);
        close(fd);
    }
    flow_end(&flow);
    return 0;
}
