// timeout: 60
// protocols: STREAM_SOCKET_TCP STREAM_IO_URING_TCP STREAM_SOCKET_UNIX

// A reader that takes its time gets everything; the loop sleeps while the socket is full.

#include "../bind/flow.h"

#define LENGTH (16u << 20)

int
main(void)
{
    struct flow flow = { 0 };
    unsigned char *bytes = malloc(LENGTH);
    size_t done = 0;
    uint64_t passes = 0, start;
    int fd;

    flow_start(&flow);
    fd = raw_dial(&flow);
    RUN_UNTIL(flow.evpl, flow.server->connected, FLOW_WAIT_MS);
    pattern_fill(bytes, LENGTH, 0);
    evpl_send(flow.evpl, flow.server->bind, bytes, LENGTH);
    evpl_finish(flow.evpl, flow.server->bind);
    loop_idle(flow.evpl, 100);
    if (test_event_mode()) {
        for (start = now_ms(); now_ms() < start + 100; passes++) {
            evpl_continue(flow.evpl);
        }
        CHECK(passes < 60);
    }
    while (done < LENGTH) {
        ssize_t got = recv(fd, bytes, 200000, MSG_DONTWAIT);

        if (got > 0) {
            CHECK(pattern_matches(bytes, (size_t) got, done));
            done += (size_t) got;
        } else {
            CHECK(got < 0 && errno == EAGAIN);
        }
        evpl_continue(flow.evpl);
    }
    RUN_UNTIL(flow.evpl, flow.server->disconnected, FLOW_WAIT_MS);
    CHECK_EQ(raw_read(fd, bytes, 1), 0);
    free(bytes);
    close(fd);
    flow_end(&flow);
    return 0;
}
