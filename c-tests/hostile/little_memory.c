// timeout: 60
// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// Half a gigabyte goes through a process that may have 48 MiB: buffers come back and are used again. The sender
// waits for SENT, as a program must that does not want to queue without bound.

#include "hostile.h"
#include <sys/resource.h>

#define TOTAL       (512ULL << 20)
#define PIECE       (64 << 10)
#define QUEUED_MAX  (1 << 20)
#define HEADROOM    (48ULL << 20)

static uint64_t queued;

static int
send_more(struct side *side, struct evpl_notify *notify)
{
    if (notify->notify_type != EVPL_NOTIFY_CONNECTED && notify->notify_type != EVPL_NOTIFY_SENT) {
        return 0;
    }
    while (queued < TOTAL && queued - side->sent_bytes < QUEUED_MAX) {
        struct evpl_iovec iovec;

        side_alloc(side, &iovec, PIECE, queued);
        evpl_sendv(side->evpl, side->bind, &iovec, 1, PIECE, EVPL_SEND_FLAG_TAKE_REF);
        queued += PIECE;
    }
    if (queued == TOTAL) {
        evpl_finish(side->evpl, side->bind);
    }
    return 1;
}

static uint64_t received;

static int
take(struct side *side, struct evpl_notify *notify)
{
    static unsigned char bytes[PIECE];
    int got;

    if (notify->notify_type != EVPL_NOTIFY_RECV_DATA) {
        return 0;
    }
    while ((got = evpl_recv(side->evpl, side->bind, bytes, sizeof(bytes), 0)) > 0) {
        CHECK(pattern_matches(bytes, (size_t) got, received));
        received += (uint64_t) got;
    }
    return 1;
}

int
main(void)
{
    struct flow flow = { .client_hook = send_more, .server_hook = take };
    struct rlimit limit;
    uint64_t before;

    flow.config = test_config();
    evpl_global_config_set_slab_size(flow.config, 4 << 20);
    evpl_global_config_set_buffer_size(flow.config, 256 << 10);
    flow_start(&flow);
#ifndef __SANITIZE_ADDRESS__
    // What is mapped now includes the stacks of threads and the heap's own reserve.
    limit.rlim_cur = limit.rlim_max = HEADROOM;
    CHECK_EQ(setrlimit(RLIMIT_DATA, &limit), 0);
#else
    (void) limit;
#endif
    before = resident_bytes();
    flow_dial(&flow, &flow.client);
    evpl_bind_request_send_notifications(flow.evpl, flow.client.bind);
    RUN_UNTIL(flow.evpl, flow.client.disconnected && flow.server->disconnected, 50000);
    CHECK_EQ(received, TOTAL);
    CHECK_GREW(resident_bytes(), before, HEADROOM);
    flow_end(&flow);
    return 0;
}
