// protocols: STREAM_IO_URING_TCP STREAM_SOCKET_TCP

// Traffic that moves from one connection to another and back, and ends on one: the loop looks first where it had the
// last bytes from, and must neither wait there, nor mistake the order, nor miss the end.

#include "../bind/flow.h"

#define TURNS 200

static struct flow flow;

// Answers each byte with itself.
static int
echo(struct side *side, struct evpl_notify *notify)
{
    char bytes[64];
    int got;

    if (notify->notify_type != EVPL_NOTIFY_RECV_DATA) {
        return 0;
    }
    while ((got = evpl_recv(side->evpl, side->bind, bytes, sizeof(bytes), 0)) > 0) {
        side_append(side, bytes, (size_t) got);
        evpl_send(side->evpl, side->bind, bytes, (unsigned int) got);
    }
    return 1;
}

static void
take_turn(int fd, struct side *side, int length)
{
    unsigned char bytes[64], back[64];
    size_t before = side->length;

    pattern_fill(bytes, (size_t) length, before);
    raw_write(fd, bytes, (size_t) length);
    // The bytes are there when the loop looks.
    usleep(100);
    RUN_UNTIL(flow.evpl, side->length == before + (size_t) length, FLOW_WAIT_MS);
    RUN_PASSES(flow.evpl, 1);
    CHECK_EQ(raw_read(fd, back, (size_t) length), length);
    CHECK(memcmp(bytes, back, (size_t) length) == 0);
}

int
main(void)
{
    int fds[3];

    flow.config = test_config();
    // What is left of the receive buffer is always little.
    evpl_global_config_set_buffer_size(flow.config, 16384);
    evpl_global_config_set_slab_size(flow.config, 64 << 20);
    flow.server_hook = echo;
    flow_start(&flow);
    for (int i = 0; i < 3; i++) {
        fds[i] = raw_dial(&flow);
        RUN_UNTIL(flow.evpl, flow.accepted[i].connected, FLOW_WAIT_MS);
    }
    for (int i = 0; i < TURNS; i++) {
        take_turn(fds[0], &flow.accepted[0], 1 + i % 64);
        take_turn(fds[0], &flow.accepted[0], 1);
        take_turn(fds[1 + i % 2], &flow.accepted[1 + i % 2], 7);
    }
    take_turn(fds[0], &flow.accepted[0], 5);
    raw_write(fds[0], "end", 3);
    close(fds[0]);
    usleep(100);
    RUN_UNTIL(flow.evpl, flow.accepted[0].disconnected, FLOW_WAIT_MS);
    CHECK(memcmp(flow.accepted[0].data + flow.accepted[0].length - 3, "end", 3) == 0);
    take_turn(fds[1], &flow.accepted[1], 9);
    raw_reset(fds[1]);
    RUN_UNTIL(flow.evpl, flow.accepted[1].disconnected, FLOW_WAIT_MS);
    take_turn(fds[2], &flow.accepted[2], 9);
    close(fds[2]);
    flow_end(&flow);
    return 0;
}
