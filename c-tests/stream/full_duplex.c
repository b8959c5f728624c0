// timeout: 120
// matrix: mech
// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// Both ends, on threads of their own, send 128 MiB in random pieces a few MiB ahead, and finish once they have
// sent and received all of it.

#include "../bind/flow.h"

#define LENGTH (128ull << 20)
#define AHEAD  (4u << 20)

struct end {
    uint64_t queued, received;
    uint32_t seed;
    int finished;
};

static struct flow flow;
static struct end ends[2];
static atomic_int server_done;

static unsigned int
next_random(struct end *end)
{
    end->seed = end->seed * 1664525u + 1013904223u;
    return end->seed >> 8;
}

static void
pump(struct side *side)
{
    static __thread unsigned char bytes[65536];
    struct end *end = side->extra;

    while (end->queued < LENGTH && end->queued - side->sent_bytes < AHEAD) {
        unsigned int length = 1 + next_random(end) % 65536;

        if (length > LENGTH - end->queued) {
            length = (unsigned int) (LENGTH - end->queued);
        }
        pattern_fill(bytes, length, end->queued);
        evpl_send(side->evpl, side->bind, bytes, length);
        end->queued += length;
    }
    if (!end->finished && end->queued == LENGTH && side->sent_bytes == LENGTH && end->received == LENGTH) {
        end->finished = 1;
        evpl_finish(side->evpl, side->bind);
    }
}

static int
on_side(struct side *side, struct evpl_notify *notify)
{
    static __thread unsigned char bytes[100000];
    struct end *end = side->extra;
    int got;

    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA) {
        while ((got = evpl_recv(side->evpl, side->bind, bytes, sizeof(bytes), 0)) > 0) {
            CHECK(pattern_matches(bytes, (size_t) got, end->received));
            end->received += (size_t) got;
        }
    }
    if (notify->notify_type == EVPL_NOTIFY_DISCONNECTED) {
        CHECK_EQ(end->received, LENGTH);
        if (side == side->flow->server) {
            server_done = 1;
        }
    } else {
        pump(side);
    }
    return 1;
}

static void
on_attach(struct side *side)
{
    side->extra = &ends[1];
    evpl_bind_request_send_notifications(side->evpl, side->bind);
}

static void *
thread_start(struct evpl *evpl, void *private_data)
{
    flow.binding = evpl_listener_attach(evpl, flow.listener, flow_attach, &flow);
    return private_data;
}

static void
thread_stop(struct evpl *evpl, void *private_data)
{
    (void) private_data;
    evpl_listener_detach(evpl, flow.binding);
}

int
main(void)
{
    struct evpl_thread *thread;

    flow.client_hook = flow.server_hook = on_side;
    flow.attach_hook                    = on_attach;
    ends[0].seed                        = 1;
    ends[1].seed                        = 2;
    flow_init(&flow);
    flow.endpoint = flow_endpoint(&flow);
    flow.evpl     = test_evpl();
    flow.listener = evpl_listener_create();
    flow.server   = &flow.accepted[0];
    thread        = evpl_thread_create(test_thread_config(), thread_start, thread_stop, NULL);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);
    flow.client.extra = &ends[0];
    flow_dial(&flow, &flow.client);
    evpl_bind_request_send_notifications(flow.evpl, flow.client.bind);
    RUN_UNTIL(flow.evpl, flow.client.disconnected && server_done, 110000);
    CHECK_EQ(ends[0].received, LENGTH);
    evpl_thread_destroy(thread);
    CHECK_EQ(ends[1].received, LENGTH);
    flow.binding = NULL;
    flow_end(&flow);
    return 0;
}
