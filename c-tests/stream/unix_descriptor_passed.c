// protocols: STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@

// What follows bytes that came with a descriptor is delivered with them: the read that ends there is
// short, yet more is waiting. The descriptor itself is closed.

#include "../bind/flow.h"

static void
write_with_descriptor(int fd, const char *bytes, size_t length, int passed)
{
    struct iovec iov = { .iov_base = (void *) bytes, .iov_len = length };
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.space)
    };

    memset(&control, 0, sizeof(control));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type  = SCM_RIGHTS;
    control.header.cmsg_len   = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &passed, sizeof(int));
    CHECK(sendmsg(fd, &message, 0) == (ssize_t) length);
}

int
main(void)
{
    struct flow flow = { 0 };
    int pipes[2], fd;
    char byte;

    flow_start(&flow);
    fd = raw_dial(&flow);
    RUN_UNTIL(flow.evpl, flow.accepts == 1, FLOW_WAIT_MS);
    for (int round = 1; round <= 10; round++) {
        CHECK(pipe(pipes) == 0);
        write_with_descriptor(fd, "AAAA", 4, pipes[1]);
        raw_write(fd, "BBBB", 4);
        write_with_descriptor(fd, "CCCC", 4, pipes[1]);
        raw_write(fd, "DDDD", 4);
        close(pipes[1]);
        RUN_UNTIL(flow.evpl, flow.accepted[0].length == (size_t) round * 16, 2000);
        // The end of a pipe that nobody writes to any more.
        CHECK(read(pipes[0], &byte, 1) == 0);
        close(pipes[0]);
    }
    close(fd);
    RUN_UNTIL(flow.evpl, flow.accepted[0].disconnected, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
