// protocols: STREAM_IO_URING_TCP STREAM_SOCKET_TCP
// timeout: 60

// Far more bytes are waiting on many connections than the loop has receive buffers for: every byte arrives, in
// order, and connections take turns. Some peers go on with a gather send that fits no socket buffer at once.

#include "../bind/flow.h"

#define PEERS 32
#define BYTES (768 << 10)

struct end {
    uint64_t received;
    int closed;
};

static struct flow flow;
static struct end ends[PEERS];
static int attached;

static void
notify_end(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify, void *private_data)
{
    struct end *end = private_data;
    struct evpl_iovec iovecs[64];
    int count, length;

    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA) {
        while ((count = evpl_recvv(evpl, bind, iovecs, 64, 1 << 20, &length)) > 0) {
            for (int i = 0; i < count; i++) {
                CHECK(pattern_matches(iovecs[i].data, iovecs[i].length, end->received));
                end->received += iovecs[i].length;
            }
            evpl_sendv(evpl, bind, iovecs, count, length, EVPL_SEND_FLAG_TAKE_REF);
        }
    } else if (notify->notify_type == EVPL_NOTIFY_DISCONNECTED) {
        end->closed = 1;
    }
}

static void
attach(struct evpl *evpl, struct evpl_bind *bind, evpl_notify_callback_t *notify, evpl_segment_callback_t *segment,
       void **conn_private, void *private_data)
{
    (void) evpl, (void) bind, (void) segment, (void) private_data;
    CHECK(attached < PEERS);
    *notify       = notify_end;
    *conn_private = &ends[attached++];
}

static void *
write_all(void *argument)
{
    int fd = *(int *) argument;

    for (uint64_t sent = 0; sent < BYTES;) {
        unsigned char bytes[16384];
        size_t length = BYTES - sent < sizeof(bytes) ? BYTES - sent : sizeof(bytes);

        pattern_fill(bytes, length, sent);
        CHECK(send(fd, bytes, length, 0) == (ssize_t) length);
        sent += length;
    }
    shutdown(fd, SHUT_WR);
    return NULL;
}

static void *
read_all(void *argument)
{
    int fd            = *(int *) argument;
    uint64_t received = 0;
    unsigned char bytes[16384];
    ssize_t got;

    test_sleep_ms(300);
    while (received < BYTES && (got = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
        CHECK(pattern_matches(bytes, (size_t) got, received));
        received += (uint64_t) got;
    }
    return (void *) (uintptr_t) received;
}

static int
all_closed(void)
{
    for (int i = 0; i < PEERS; i++) {
        if (!ends[i].closed) {
            return 0;
        }
    }
    return 1;
}

int
main(void)
{
    pthread_t writers[PEERS], readers[PEERS];
    int fds[PEERS];

    flow.config = test_config();
    evpl_global_config_set_buffer_size(flow.config, 16384);
    evpl_global_config_set_slab_size(flow.config, 64 << 20);
    flow_init(&flow);
    flow.evpl     = test_evpl();
    flow.endpoint = flow_endpoint(&flow);
    flow.listener = evpl_listener_create();
    flow.binding  = evpl_listener_attach(flow.evpl, flow.listener, attach, NULL);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);
    for (int i = 0; i < PEERS; i++) {
        fds[i] = raw_dial(&flow);
        CHECK(pthread_create(&writers[i], NULL, write_all, &fds[i]) == 0);
        CHECK(pthread_create(&readers[i], NULL, read_all, &fds[i]) == 0);
    }
    test_sleep_ms(200);
    RUN_UNTIL(flow.evpl, attached == PEERS && all_closed(), 40000);
    for (int i = 0; i < PEERS; i++) {
        void *received;

        pthread_join(writers[i], NULL);
        pthread_join(readers[i], &received);
        CHECK_EQ(ends[i].received, BYTES);
        // What the peer's socket did not take when it had no more to say is not waited for.
        CHECK((uintptr_t) received <= BYTES);
        close(fds[i]);
    }
    flow_end(&flow);
    return 0;
}
