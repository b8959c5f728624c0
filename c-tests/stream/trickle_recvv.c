// timeout: 60
// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_UNIX

// The same without a segment callback: 64 KiB in pieces of odd sizes fit 16 iovecs of one recvv.

#include "../bind/flow.h"

#define LENGTH 65536

int
main(void)
{
    static const size_t steps[] = { 1, 7, 100, 1448, 4096 };
    static unsigned char bytes[LENGTH];
    struct flow flow = { .server_keep = 1 };
    struct evpl_iovec iovecs[16];
    int fd, niov, length, one = 1;

    flow_start(&flow);
    fd = raw_dial(&flow);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    RUN_UNTIL(flow.evpl, flow.server->connected, FLOW_WAIT_MS);
    pattern_fill(bytes, LENGTH, 0);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        for (size_t done = 0; done < LENGTH; done += steps[i]) {
            raw_write(fd, bytes + done, LENGTH - done < steps[i] ? LENGTH - done : steps[i]);
            evpl_continue(flow.evpl);
        }
        RUN_UNTIL(flow.evpl, evpl_peek(flow.evpl, flow.server->bind, bytes, LENGTH) == LENGTH, FLOW_WAIT_MS);
        niov = evpl_recvv(flow.evpl, flow.server->bind, iovecs, 16, LENGTH, &length);
        CHECK_EQ(length, LENGTH);
        for (int k = 0, at = 0; k < niov; at += (int) iovecs[k++].length) {
            CHECK(pattern_matches(iovecs[k].data, iovecs[k].length, (uint64_t) at));
        }
        evpl_iovecs_release(flow.evpl, iovecs, niov);
    }
    close(fd);
    RUN_UNTIL(flow.evpl, flow.server->disconnected, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
