// timeout: 60
// protocols: STREAM_SOCKET_TCP STREAM_IO_URING_TCP STREAM_SOCKET_UNIX

// The same without a segment callback: 64 KiB in pieces of odd sizes fit 16 iovecs of one recvv, while another
// connection trickles too.

#include "../bind/flow.h"

#define LENGTH 65536

int
main(void)
{
    static const size_t steps[] = { 1, 7, 100, 1448, 4096 };
    static unsigned char bytes[LENGTH];
    struct flow flow = { .server_keep = 1 };
    struct evpl_iovec iovecs[16];
    int fds[2], niov, length, one = 1;

    flow_start(&flow);
    for (int i = 0; i < 2; i++) {
        fds[i] = raw_dial(&flow);
        setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        RUN_UNTIL(flow.evpl, flow.accepted[i].connected, FLOW_WAIT_MS);
    }
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        pattern_fill(bytes, LENGTH, 0);
        for (size_t done = 0; done < LENGTH; done += steps[i]) {
            size_t step = LENGTH - done < steps[i] ? LENGTH - done : steps[i];

            raw_write(fds[0], bytes + done, step);
            evpl_continue(flow.evpl);
            raw_write(fds[1], bytes + done, step);
            evpl_continue(flow.evpl);
        }
        for (int k = 0; k < 2; k++) {
            struct evpl_bind *bind = flow.accepted[k].bind;

            RUN_UNTIL(flow.evpl, evpl_peek(flow.evpl, bind, bytes, LENGTH) == LENGTH, FLOW_WAIT_MS);
            niov = evpl_recvv(flow.evpl, bind, iovecs, 16, LENGTH, &length);
            CHECK_EQ(length, LENGTH);
            for (int n = 0, at = 0; n < niov; at += (int) iovecs[n++].length) {
                CHECK(pattern_matches(iovecs[n].data, iovecs[n].length, (uint64_t) at));
            }
            evpl_iovecs_release(flow.evpl, iovecs, niov);
        }
    }
    close(fds[0]);
    close(fds[1]);
    RUN_UNTIL(flow.evpl, flow.accepted[0].disconnected && flow.accepted[1].disconnected, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
