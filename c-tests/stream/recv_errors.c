// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC DATAGRAM_SOCKET_UDP DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Bad arguments, message protocols and segmented binds: -1 with EINVAL and nothing written.

#include "../bind/flow.h"

#define CHECK_EINVAL(call)                                                                         \
    do {                                                                                           \
        errno = 0;                                                                                 \
        CHECK_EQ(call, -1);                                                                        \
        CHECK_EQ(errno, EINVAL);                                                                   \
    } while (0)

static int
wait_for_more(struct evpl *evpl, struct evpl_bind *bind, void *private_data)
{
    (void) evpl, (void) bind, (void) private_data;
    return 0;
}

int
main(void)
{
    struct flow flow = { .server_segment = wait_for_more };
    struct evpl_iovec iovec = { .data = &flow };
    struct evpl_bind *bind;
    struct evpl *evpl;
    char byte;
    int length;

    flow_connect(&flow);
    evpl = flow.evpl;
    bind = flow.client.bind;
    CHECK_EINVAL(evpl_recv(NULL, bind, &byte, 1, 0));
    CHECK_EINVAL(evpl_recv(evpl, NULL, &byte, 1, 0));
    CHECK_EINVAL(evpl_recv(evpl, bind, NULL, 1, 0));
    CHECK_EINVAL(evpl_recv(evpl, bind, &byte, 0, 0));
    CHECK_EINVAL(evpl_recv(evpl, bind, &byte, -5, 0));
    CHECK_EINVAL(evpl_peek(NULL, bind, &byte, 1));
    CHECK_EINVAL(evpl_peek(evpl, NULL, &byte, 1));
    CHECK_EINVAL(evpl_peek(evpl, bind, NULL, 1));
    CHECK_EINVAL(evpl_peek(evpl, bind, &byte, 0));
    CHECK_EINVAL(evpl_peekv(evpl, bind, NULL, 1, 1));
    CHECK_EINVAL(evpl_peekv(evpl, bind, &iovec, 0, 1));
    CHECK_EINVAL(evpl_peekv(evpl, bind, &iovec, 1, 0));
    length = 99;
    CHECK_EINVAL(evpl_recvv(evpl, bind, &iovec, 0, 1, &length));
    CHECK_EQ(length, 0);
    length = 99;
    CHECK_EINVAL(evpl_recvv(evpl, bind, &iovec, 1, 0, &length));
    CHECK_EQ(length, 0);
    CHECK_EINVAL(evpl_recvv(evpl, bind, NULL, 1, 1, NULL));
    CHECK_EINVAL(evpl_recvv(evpl, NULL, &iovec, 1, 1, NULL));

    // The server's end has a segment callback, or is a message protocol.
    bind = flow.server->bind;
    CHECK_EINVAL(evpl_recv(evpl, bind, &byte, 1, 0));
    CHECK_EINVAL(evpl_recvv(evpl, bind, &iovec, 1, 1, &length));
    if (flow_is_message(&flow)) {
        CHECK_EINVAL(evpl_peek(evpl, bind, &byte, 1));
        CHECK_EINVAL(evpl_peekv(evpl, bind, &iovec, 1, 1));
    } else {
        CHECK_EQ(evpl_peek(evpl, bind, &byte, 1), 0);
        CHECK_EQ(evpl_peekv(evpl, bind, &iovec, 1, 1), 0);
    }
    CHECK(iovec.data == &flow);
    flow_end(&flow);
    return 0;
}
