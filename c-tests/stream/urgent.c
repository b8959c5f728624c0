// protocols: STREAM_SOCKET_TCP STREAM_IO_URING_TCP

// A read of the kernel's ends at the mark of an urgent byte, with more behind it. All of it arrives, except for the
// byte itself, which nobody asked for; nothing has to follow before it does.

#include "../bind/flow.h"

int
main(void)
{
    struct flow flow = { 0 };
    int fd;

    flow_start(&flow);
    fd = raw_dial(&flow);
    RUN_UNTIL(flow.evpl, flow.accepts == 1, FLOW_WAIT_MS);
    for (size_t round = 1; round <= 5; round++) {
        raw_write(fd, "before", 6);
        CHECK_EQ(send(fd, "!", 1, MSG_OOB), 1);
        raw_write(fd, "behind", 6);
        RUN_UNTIL(flow.evpl, flow.accepted[0].length == 12 * round, FLOW_WAIT_MS);
        CHECK(memcmp(flow.accepted[0].data + 12 * (round - 1), "beforebehind", 12) == 0);
    }
    close(fd);
    RUN_UNTIL(flow.evpl, flow.accepted[0].disconnected, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
