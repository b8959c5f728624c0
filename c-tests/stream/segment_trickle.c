// timeout: 60
// protocols: STREAM_SOCKET_TCP STREAM_IO_URING_TCP STREAM_SOCKET_UNIX

// A message that trickles in one byte at a time does not shatter: up to 64 KiB come in 16 iovecs at most. A second
// connection trickles in between, so that their bytes are no neighbours.

#include "../bind/flow.h"

static unsigned int message_length, niov_max;

static int
whole(struct evpl *evpl, struct evpl_bind *bind, void *private_data)
{
    (void) evpl, (void) bind, (void) private_data;
    return (int) message_length;
}

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    (void) side;
    if (notify->notify_type == EVPL_NOTIFY_RECV_MSG && notify->recv_msg.niov > niov_max) {
        niov_max = notify->recv_msg.niov;
    }
    return 0;
}

int
main(void)
{
    static const unsigned int lengths[] = { 1, 100, 4097, 20000, 65536 };
    static unsigned char bytes[65536];
    struct flow flow = { .server_segment = whole, .server_hook = on_server };
    int fds[2], one = 1;

    flow_start(&flow);
    for (int i = 0; i < 2; i++) {
        fds[i] = raw_dial(&flow);
        setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        RUN_UNTIL(flow.evpl, flow.accepted[i].connected, FLOW_WAIT_MS);
    }
    for (int i = 0; i < (int) (sizeof(lengths) / sizeof(lengths[0])); i++) {
        message_length           = lengths[i];
        flow.accepted[0].length = flow.accepted[1].length = 0;
        pattern_fill(bytes, message_length, 0);
        for (unsigned int k = 0; k < message_length; k++) {
            raw_write(fds[0], bytes + k, 1);
            evpl_continue(flow.evpl);
            raw_write(fds[1], bytes + k, 1);
            evpl_continue(flow.evpl);
        }
        RUN_UNTIL(flow.evpl, flow.accepted[0].recv_msg == i + 1 && flow.accepted[1].recv_msg == i + 1, FLOW_WAIT_MS);
        CHECK(pattern_matches(flow.accepted[0].data, message_length, 0));
        CHECK(pattern_matches(flow.accepted[1].data, message_length, 0));
        CHECK(niov_max <= 16);
    }
    close(fds[0]);
    close(fds[1]);
    RUN_UNTIL(flow.evpl, flow.accepted[0].disconnected && flow.accepted[1].disconnected, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
