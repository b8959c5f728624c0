// timeout: 60
// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_UNIX

// A message that trickles in one byte at a time does not shatter: up to 64 KiB come in 16 iovecs at most, and
// peekv sees all of it in as many.

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
    int fd, one = 1;

    flow_start(&flow);
    fd = raw_dial(&flow);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    RUN_UNTIL(flow.evpl, flow.server->connected, FLOW_WAIT_MS);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        message_length       = lengths[i];
        flow.server->length = 0;
        pattern_fill(bytes, message_length, 0);
        for (unsigned int k = 0; k < message_length; k++) {
            raw_write(fd, bytes + k, 1);
            evpl_continue(flow.evpl);
        }
        RUN_UNTIL(flow.evpl, flow.server->recv_msg == (int) i + 1, FLOW_WAIT_MS);
        CHECK(pattern_matches(flow.server->data, message_length, 0));
        CHECK(niov_max <= 16);
    }
    close(fd);
    RUN_UNTIL(flow.evpl, flow.server->disconnected, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
