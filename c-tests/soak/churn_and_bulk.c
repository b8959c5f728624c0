// SPDX-License-Identifier: MIT OR Apache-2.0
// timeout: 60
// matrix: mech
// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// Many connections are opened, used and closed, and then many bytes moved, between two threads; the memory that the
// process holds stays what it was after the first tenth. EVPL_SOAK_CONNECTIONS and EVPL_SOAK_MIB make it long: `make
// soak` asks for a million and for 100 GB. The figures are printed.

#include "../hostile/hostile.h"

#define LIVE        64
#define LEN_MAX     4096
#define FLOWS       4
#define PIECE       (256 << 10)
#define QUEUED_MAX  (4 * PIECE)
// Two hundredths, and what the heaps of the C library and the queues of a busy moment take more or less. Inside the
// process nothing holds a sender back, so those queues are longer; io_uring touches its receive buffers one by one.
#define GROWTH_SHARE 50
#define GROWTH_REST                                                                                                    \
    ((protocol == EVPL_STREAM_INPROC ? 8 : protocol == EVPL_STREAM_IO_URING_TCP ? 20 : 1) << 20)

static enum evpl_protocol_id protocol;
static struct evpl_endpoint *endpoint;
static unsigned long to_open, started, opened, ended, refused;
static uint64_t to_move, moved;
static int churning;
static struct evpl_iovec piece;

struct client {
    int sent, received, connected;
};

struct client_flow {
    uint64_t queued;
};

static unsigned long
setting(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoul(text, NULL, 10) : otherwise;
}

// The server echoes while connections come and go, and swallows afterwards; it closes every third connection itself.

static atomic_int echoing = 1;

static void
server_notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify, void *unused)
{
    static __thread char bytes[64 << 10];
    static __thread unsigned int turn;
    struct evpl_iovec iovecs[16];
    int count, length;

    (void) unused;
    if (notify->notify_type != EVPL_NOTIFY_RECV_DATA) {
        return;
    }
    if (!echoing) {
        while ((count = evpl_recvv(evpl, bind, iovecs, 16, 1 << 30, &length)) > 0) {
            evpl_iovecs_release(evpl, iovecs, count);
        }
        return;
    }
    while ((count = evpl_recv(evpl, bind, bytes, sizeof(bytes), 0)) > 0) {
        evpl_send(evpl, bind, bytes, (unsigned int) count);
    }
    if (++turn % 3 == 0) {
        evpl_finish(evpl, bind);
    }
}

static void
attach(struct evpl *evpl, struct evpl_bind *bind, evpl_notify_callback_t *notify, evpl_segment_callback_t *segment,
       void **private_data, void *unused)
{
    (void) evpl, (void) bind, (void) segment, (void) private_data, (void) unused;
    *notify = server_notify;
}

static struct evpl_listener *listener;
static struct evpl_listener_binding *binding;

static void *
server_init(struct evpl *evpl, void *unused)
{
    binding = evpl_listener_attach(evpl, listener, attach, NULL);
    return unused;
}

static void
server_shutdown(struct evpl *evpl, void *unused)
{
    (void) unused;
    evpl_listener_detach(evpl, binding);
}

// Churn: each end starts the next.

static void open_one(struct evpl *evpl);

static void
client_notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify, void *private_data)
{
    static char bytes[LEN_MAX];
    struct client *client = private_data;
    int got;

    switch (notify->notify_type) {
    case EVPL_NOTIFY_CONNECTED:
        client->connected = 1;
        evpl_send(evpl, bind, bytes, (unsigned int) client->sent);
        break;
    case EVPL_NOTIFY_RECV_DATA:
        while ((got = evpl_recv(evpl, bind, bytes, sizeof(bytes), 0)) > 0) {
            client->received += got;
        }
        if (client->received >= client->sent) {
            evpl_close(evpl, bind);
        }
        break;
    case EVPL_NOTIFY_DISCONNECTED:
        // A server that finishes early has echoed the first part only.
        if (client->connected) {
            CHECK(client->received > 0 && client->received <= client->sent);
            opened++;
        } else {
            refused++;
        }
        ended++;
        free(client);
        if (churning && opened + LIVE <= to_open) {
            open_one(evpl);
        }
        break;
    }
}

static void
open_one(struct evpl *evpl)
{
    static unsigned int seed = 1;
    struct client *client = calloc(1, sizeof(*client));

    started++;
    seed         = seed * 1664525u + 1013904223u;
    client->sent = 1 + (int) (seed >> 8) % LEN_MAX;
    CHECK(evpl_connect(evpl, protocol, NULL, endpoint, client_notify, NULL, client) != NULL);
}

static void
check_flat(const char *what, uint64_t before, uint64_t after)
{
    printf("%s: %.1f MiB after a tenth, %.1f MiB at the end, %+.2f %%\n", what, (double) before / (1 << 20),
           (double) after / (1 << 20), 100.0 * ((double) after - (double) before) / (double) before);
    CHECK_GREW(after, before, before / GROWTH_SHARE + GROWTH_REST);
}

static void
churn(struct evpl *evpl)
{
    uint64_t before, from = test_now_ns();

    churning = 1;
    for (int i = 0; i < LIVE; i++) {
        open_one(evpl);
    }
    RUN_UNTIL(evpl, opened >= to_open / 10, 3600000);
    before = resident_bytes();
    RUN_UNTIL(evpl, opened + LIVE > to_open, 3600000);
    churning = 0;
    RUN_UNTIL(evpl, ended == started, FLOW_WAIT_MS);
    printf("%lu connections opened and closed, %lu refused, %.0f a second\n", opened, refused,
           (double) opened * 1e9 / (double) (test_now_ns() - from));
    check_flat("connections", before, resident_bytes());
}

// Bulk: a bounded queue for each of a few flows.

static void
fill(struct evpl *evpl, struct evpl_bind *bind, struct client_flow *flow)
{
    for (; flow->queued < QUEUED_MAX; flow->queued += PIECE) {
        evpl_sendv(evpl, bind, &piece, 1, PIECE, 0);
    }
}

static void
flow_notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify, void *private_data)
{
    struct client_flow *flow = private_data;

    if (notify->notify_type == EVPL_NOTIFY_CONNECTED) {
        fill(evpl, bind, flow);
    }
    if (notify->notify_type == EVPL_NOTIFY_SENT) {
        flow->queued -= notify->sent.bytes;
        moved += notify->sent.bytes;
        if (moved < to_move) {
            fill(evpl, bind, flow);
        } else if (flow->queued == 0) {
            evpl_finish(evpl, bind);
        }
    }
    if (notify->notify_type == EVPL_NOTIFY_DISCONNECTED) {
        CHECK(moved >= to_move);
        ended++;
    }
}

static void
bulk(struct evpl *evpl)
{
    static struct client_flow flows[FLOWS];
    uint64_t before, from = test_now_ns();

    echoing = 0;
    ended   = 0;
    CHECK_EQ(evpl_iovec_alloc(evpl, PIECE, 0, 1, EVPL_IOVEC_FLAG_SHARED, &piece), 1);
    memset(evpl_iovec_data(&piece), 7, PIECE);
    for (int i = 0; i < FLOWS; i++) {
        struct evpl_bind *bind = evpl_connect(evpl, protocol, NULL, endpoint, flow_notify, NULL, &flows[i]);

        CHECK(bind != NULL);
        evpl_bind_request_send_notifications(evpl, bind);
    }
    RUN_UNTIL(evpl, moved >= to_move / 10, 3600000);
    before = resident_bytes();
    RUN_UNTIL(evpl, ended == FLOWS, 3600000);
    printf("%.1f GB moved, %.2f GB/s\n", (double) moved / 1e9, (double) moved / (double) (test_now_ns() - from));
    check_flat("bytes", before, resident_bytes());
    evpl_iovec_release(evpl, &piece);
}

int
main(void)
{
    struct evpl_thread_config *config;
    struct evpl_thread *thread;
    struct evpl *evpl;

    to_open = setting("EVPL_SOAK_CONNECTIONS", 3000);
    to_move = (uint64_t) setting("EVPL_SOAK_MIB", 512) << 20;
    test_init();
    protocol = test_protocol();
    endpoint = protocol == EVPL_STREAM_INPROC ? evpl_endpoint_create_inproc("soak")
        : protocol == EVPL_STREAM_SOCKET_UNIX ? evpl_endpoint_create_local(test_path("soak-socket"))
                                              : evpl_endpoint_create("127.0.0.1", 7001);
    listener = evpl_listener_create();
    config   = test_thread_config();
    thread   = evpl_thread_create(config, server_init, server_shutdown, NULL);
    evpl_thread_config_release(config);
    CHECK(thread != NULL);
    CHECK_EQ(evpl_listen(listener, protocol, endpoint), 0);
    evpl = test_evpl();
    churn(evpl);
    bulk(evpl);
    evpl_destroy(evpl);
    evpl_thread_destroy(thread);
    evpl_listener_destroy(listener);
    evpl_endpoint_close(endpoint);
    return 0;
}
