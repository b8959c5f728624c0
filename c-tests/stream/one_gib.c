// matrix: none
// timeout: 120
// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// A gibibyte in one direction: each byte in its place, memory bounded by what SENT reports.

#include "../bind/flow.h"
#include <sys/resource.h>

#define LENGTH (1ull << 30)
#define CHUNK  (1u << 20)
#define AHEAD  (8u << 20)

static uint64_t queued;

static void
refill(struct side *side)
{
    struct evpl_iovec iovec;

    while (queued < LENGTH && queued - side->sent_bytes < AHEAD) {
        CHECK_EQ(evpl_iovec_alloc(side->evpl, CHUNK, 0, 1, EVPL_IOVEC_FLAG_SHARED, &iovec), 1);
        pattern_fill(iovec.data, CHUNK, queued);
        evpl_sendv(side->evpl, side->bind, &iovec, 1, (int) CHUNK, EVPL_SEND_FLAG_TAKE_REF);
        queued += CHUNK;
    }
    if (queued == LENGTH && !evpl_bind_is_closing(side->bind)) {
        evpl_finish(side->evpl, side->bind);
    }
}

static int
on_client(struct side *side, struct evpl_notify *notify)
{
    if (notify->notify_type == EVPL_NOTIFY_SENT) {
        refill(side);
    }
    return 0;
}

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    struct evpl_iovec iovecs[16];
    int niov, length;

    if (notify->notify_type != EVPL_NOTIFY_RECV_DATA) {
        return 0;
    }
    while ((niov = evpl_recvv(side->evpl, side->bind, iovecs, 16, 1 << 24, &length)) > 0) {
        for (int i = 0; i < niov; i++) {
            CHECK(pattern_matches(iovecs[i].data, iovecs[i].length, side->length));
            side->length += iovecs[i].length;
        }
        evpl_iovecs_release(side->evpl, iovecs, niov);
    }
    return 1;
}

int
main(void)
{
    struct flow flow = { .client_hook = on_client, .server_hook = on_server };
    struct rusage usage;

    flow_connect(&flow);
    evpl_bind_request_send_notifications(flow.evpl, flow.client.bind);
    refill(&flow.client);
    RUN_UNTIL(flow.evpl, flow.server->disconnected, 110000);
    CHECK_EQ(flow.server->length, LENGTH);
    getrusage(RUSAGE_SELF, &usage);
    CHECK(usage.ru_maxrss < 256 * 1024);
    flow_end(&flow);
    return 0;
}
