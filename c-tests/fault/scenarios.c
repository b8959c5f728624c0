// SPDX-License-Identifier: MIT OR Apache-2.0

// One scenario per run, named by the first argument, while the preloaded shim makes one call of the library fail.
// Whatever fails, every end that was opened is told once that it is over, what arrives is a prefix of what was sent,
// and no descriptor is left. Without a failure everything arrives. Each scenario runs several times, so that the
// rounds after the failure show that the library is as good as new.

#include "../test.h"

#include <netinet/in.h>
#include <sys/socket.h>

int fault_fired(void) __attribute__((weak));
long fault_live_blocks(void) __attribute__((weak));

#define WAIT_MS      8000
#define ENDS_MAX     64
#define PLACES       4
#define ECHO_LEN     3000
#define ECHO_ROUNDS  20
#define BULK_LEN     (3 << 20)
#define BULK_PIECE   50000
#define RESEND_US    5000
#define RDMA_LEN     12000
#define OPERATIONS   40
#define BUFFER_SIZE  (16 << 10)
#define SLAB_SIZE    (1 << 20)

/** What an end does when it is told something. */
enum role {
    ROLE_QUIET,
    ROLE_ECHO,          // sends back what it gets
    ROLE_ASK,           // sends, waits for the echo, sends again, finishes
    ROLE_BULK,          // sends BULK_LEN and finishes
    ROLE_RDMA,          // reads and writes what was published, and finishes
    ROLE_CLOSE_AT_ONCE, // as soon as it is connected
    ROLE_CLOSE_IN_ATTACH,
};

struct end {
    enum role role;
    struct evpl_bind *bind;
    int used, connected, disconnected, asked, released;
    uint64_t queued, received;
};

struct round {
    struct evpl *evpl;
    struct evpl_listener *listener;
    struct evpl_listener_binding *binding;
    struct end ends[ENDS_MAX];
    int ends_count, clients;
    enum role server_role;
};

static struct round r;
static enum evpl_protocol_id protocol;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // ends may be attached on several threads

static int
fired(void)
{
    return fault_fired != NULL && fault_fired();
}

static unsigned char
byte_at(uint64_t position)
{
    return (unsigned char) (position * 2654435761u >> 13);
}

static struct end *
end_new(enum role role)
{
    struct end *end;

    pthread_mutex_lock(&lock);
    CHECK(r.ends_count < ENDS_MAX);
    end       = &r.ends[r.ends_count++];
    end->role = role;
    end->used = 1;
    pthread_mutex_unlock(&lock);
    return end;
}

// ---- places ---------------------------------------------------------------------------------------

static struct evpl_endpoint *
place(int number)
{
    char text[128];
    struct evpl_endpoint *endpoint;

    if (evpl_protocol_is_local(protocol)) {
        snprintf(text, sizeof(text), "%.80s/s%d-%d", test_tmpdir(), (int) getpid(), number);
        endpoint = evpl_endpoint_create_local(text);
    } else if (evpl_protocol_is_inproc(protocol)) {
        snprintf(text, sizeof(text), "place-%d", number);
        endpoint = evpl_endpoint_create_inproc(text);
    } else {
        // Below the ports that connects get, and another one for each process at a time.
        endpoint = evpl_endpoint_create("127.0.0.1", 2000 + (int) getpid() % 7000 * PLACES + number);
    }
    CHECK(endpoint != NULL);
    return endpoint;
}

// ---- ends -----------------------------------------------------------------------------------------

static void
send_bytes(struct evpl *evpl, struct end *end, unsigned int length, int zero_copy)
{
    static __thread unsigned char bytes[BULK_PIECE];
    struct evpl_iovec iovecs[8];

    CHECK(length <= sizeof(bytes));
    for (unsigned int i = 0; i < length; i++) {
        bytes[i] = byte_at(end->queued + i);
    }
    end->queued += length;
    if (zero_copy) {
        int niov = evpl_iovec_alloc(evpl, length, 0, 8, EVPL_IOVEC_FLAG_SHARED, iovecs), at = 0;

        CHECK(niov > 0);
        for (int i = 0; i < niov; i++) {
            memcpy(iovecs[i].data, bytes + at, iovecs[i].length);
            at += (int) iovecs[i].length;
        }
        evpl_sendv(evpl, end->bind, iovecs, niov, (int) length, EVPL_SEND_FLAG_TAKE_REF);
    } else {
        evpl_send(evpl, end->bind, bytes, length);
    }
}

static void
got_bytes(struct evpl *evpl, struct end *end, const unsigned char *bytes, unsigned int length)
{
    for (unsigned int i = 0; i < length; i++) {
        CHECK(bytes[i] == byte_at(end->received + i));
    }
    end->received += length;
    if (end->role == ROLE_ECHO) {
        evpl_send(evpl, end->bind, bytes, length);
    }
}

static void
ask(struct evpl *evpl, struct end *end)
{
    if (end->received < end->queued) {
        return;
    }
    if (end->asked == ECHO_ROUNDS) {
        evpl_finish(evpl, end->bind);
        return;
    }
    end->asked++;
    send_bytes(evpl, end, ECHO_LEN, end->asked % 2);
}

static void
bulk(struct evpl *evpl, struct end *end)
{
    while (end->queued < BULK_LEN) {
        uint64_t left = BULK_LEN - end->queued;

        send_bytes(evpl, end, left < BULK_PIECE ? (unsigned int) left : BULK_PIECE, end->queued % 3 == 0);
    }
    evpl_finish(evpl, end->bind);
}

static struct evpl_iovec published, local;
static int answered, failed;

static void
operation_done(int status, void *private_data)
{
    struct end *end = private_data;

    CHECK(!end->disconnected);
    answered++;
    failed += status != 0;
    if (answered == OPERATIONS && !evpl_bind_is_closing(end->bind)) {
        evpl_finish(r.evpl, end->bind);
    }
}

static void
rdma(struct evpl *evpl, struct end *end)
{
    uint32_t key;
    uint64_t address;

    evpl_rdma_get_address(evpl, end->bind, &published, &key, &address);
    for (int i = 0; i < OPERATIONS; i++) {
        // Long enough to be sent from its place, and short enough to be copied.
        struct evpl_iovec part = local;

        part.length = i % 3 ? RDMA_LEN : RDMA_LEN / 4;
        if (i % 2) {
            evpl_rdma_read(evpl, end->bind, key, address, &part, 1, operation_done, end);
        } else {
            evpl_rdma_write(evpl, end->bind, key, address, &part, 1, 0, operation_done, end);
        }
        if (i % 8 == 0) {
            send_bytes(evpl, end, ECHO_LEN, i % 16 == 0);
        }
    }
}

static void
on_connected(struct evpl *evpl, struct end *end)
{
    switch (end->role) {
    case ROLE_ASK:
        ask(evpl, end);
        break;
    case ROLE_BULK:
        bulk(evpl, end);
        break;
    case ROLE_RDMA:
        rdma(evpl, end);
        break;
    case ROLE_CLOSE_AT_ONCE:
        send_bytes(evpl, end, ECHO_LEN, 0);
        evpl_close(evpl, end->bind);
        break;
    default:
        break;
    }
}

static void
notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *event, void *private_data)
{
    struct end *end = private_data;
    unsigned char bytes[4096];
    int got;

    CHECK(end->bind == bind && !end->disconnected);
    switch (event->notify_type) {
    case EVPL_NOTIFY_CONNECTED:
        CHECK_EQ(end->connected++, 0);
        on_connected(evpl, end);
        break;
    case EVPL_NOTIFY_RECV_DATA:
        while ((got = evpl_recv(evpl, bind, bytes, sizeof(bytes), 0)) > 0) {
            got_bytes(evpl, end, bytes, (unsigned int) got);
        }
        CHECK_EQ(got, 0);
        break;
    case EVPL_NOTIFY_RECV_MSG:
        for (unsigned int i = 0; i < event->recv_msg.niov; i++) {
            got_bytes(evpl, end, event->recv_msg.iovec[i].data, event->recv_msg.iovec[i].length);
        }
        evpl_iovecs_release(evpl, event->recv_msg.iovec, (int) event->recv_msg.niov);
        break;
    case EVPL_NOTIFY_SENT:
        break;
    case EVPL_NOTIFY_DISCONNECTED:
        pthread_mutex_lock(&lock);
        end->disconnected = 1;
        pthread_mutex_unlock(&lock);
        return;
    default:
        CHECK(!"known notification");
    }
    if (end->role == ROLE_ASK && !evpl_bind_is_closing(bind) && end->connected) {
        ask(evpl, end);
    }
}

static void
attach(struct evpl *evpl, struct evpl_bind *bind, evpl_notify_callback_t *notify_out, evpl_segment_callback_t *segment,
       void **conn_private, void *private_data)
{
    struct end *end = end_new(r.server_role);

    (void) segment;
    (void) private_data;
    end->bind     = bind;
    *notify_out   = notify;
    *conn_private = end;
    if (end->role == ROLE_CLOSE_IN_ATTACH) {
        evpl_close(evpl, bind);
    }
}

static struct end *
dial(int where, enum role role)
{
    struct evpl_endpoint *remote = place(where);
    struct end *end              = end_new(role);

    r.clients++;
    end->bind = evpl_connect(r.evpl, protocol, NULL, remote, notify, NULL, end);
    CHECK(end->bind != NULL);
    evpl_bind_request_send_notifications(r.evpl, end->bind);
    evpl_endpoint_close(remote);
    return end;
}

static int
listen_at(int where)
{
    struct evpl_endpoint *endpoint = place(where);
    int result                     = evpl_listen(r.listener, protocol, endpoint);

    evpl_endpoint_close(endpoint);
    return result;
}

static int
all_over(void)
{
    int over = 1;

    pthread_mutex_lock(&lock);
    for (int i = 0; i < r.ends_count; i++) {
        over = over && r.ends[i].disconnected;
    }
    pthread_mutex_unlock(&lock);
    return over;
}

static void
start(enum role server_role)
{
    memset(&r, 0, sizeof(r));
    r.server_role = server_role;
    r.evpl        = test_evpl();
    r.listener    = evpl_listener_create();
    r.binding     = evpl_listener_attach(r.evpl, r.listener, attach, NULL);
}

static void
stop(void)
{
    if (r.binding) {
        evpl_listener_detach(r.evpl, r.binding);
    }
    if (r.listener) {
        evpl_listener_destroy(r.listener);
    }
    evpl_destroy(r.evpl);
    CHECK(all_over());
}

// ---- scenarios ------------------------------------------------------------------------------------

static void
connect_round(int fired_before)
{
    struct end *nobody, *clients[3];

    start(ROLE_QUIET);
    if (listen_at(0) == 0) {
        nobody = dial(1, ROLE_CLOSE_AT_ONCE);
        for (int i = 0; i < 3; i++) {
            clients[i] = dial(0, ROLE_CLOSE_AT_ONCE);
        }
        RUN_UNTIL(r.evpl, all_over(), WAIT_MS);
        CHECK(!nobody->connected);
        for (int i = 0; i < 3 && fired() == fired_before; i++) {
            CHECK(clients[i]->connected);
        }
    } else {
        CHECK(fired() != fired_before);
    }
    stop();
}

static void
rdma_round(int fired_before)
{
    struct end *client = NULL;

    start(ROLE_QUIET);
    answered = failed = 0;
    CHECK_EQ(evpl_iovec_alloc(r.evpl, RDMA_LEN, 0, 1, EVPL_IOVEC_FLAG_SHARED, &published), 1);
    CHECK_EQ(evpl_iovec_alloc(r.evpl, RDMA_LEN, 0, 1, EVPL_IOVEC_FLAG_SHARED, &local), 1);
    memset(published.data, 0, RDMA_LEN);
    memset(local.data, 0, RDMA_LEN);
    if (listen_at(0) == 0) {
        client = dial(0, ROLE_RDMA);
        RUN_UNTIL(r.evpl, all_over(), WAIT_MS);
        CHECK_EQ(answered, client->connected ? OPERATIONS : 0);
    }
    CHECK(fired() != fired_before || (client != NULL && client->connected && failed == 0));
    evpl_iovec_release(r.evpl, &published);
    evpl_iovec_release(r.evpl, &local);
    stop();
}

static void
echo_round(int fired_before)
{
    struct end *client;

    start(ROLE_ECHO);
    if (listen_at(0) == 0) {
        client = dial(0, ROLE_ASK);
        RUN_UNTIL(r.evpl, all_over(), WAIT_MS);
        if (fired() == fired_before) {
            CHECK_EQ(client->received, ECHO_ROUNDS * ECHO_LEN);
        }
    } else {
        CHECK(fired() != fired_before);
    }
    stop();
}

static void
bulk_round(int fired_before)
{
    start(ROLE_QUIET);
    if (listen_at(0) == 0) {
        dial(0, ROLE_BULK);
        // The kernel may take it all before anybody accepts.
        RUN_UNTIL(r.evpl, all_over() && (r.ends_count == 2 || fired() != fired_before), WAIT_MS);
        if (fired() == fired_before) {
            CHECK_EQ(r.ends[1].received, BULK_LEN);
        }
    } else {
        CHECK(fired() != fired_before);
    }
    stop();
}

static void
close_round(int fired_before)
{
    static const enum role servers[] = { ROLE_QUIET, ROLE_ECHO, ROLE_CLOSE_IN_ATTACH, ROLE_CLOSE_AT_ONCE, ROLE_BULK };

    start(ROLE_QUIET);
    if (listen_at(0) != 0) {
        CHECK(fired() != fired_before);
        stop();
        return;
    }
    for (int i = 0; i < 5; i++) {
        struct end *early;

        r.server_role = servers[i];
        dial(0, ROLE_ASK);
        dial(0, ROLE_CLOSE_AT_ONCE);
        early = dial(0, ROLE_QUIET);
        evpl_send(r.evpl, early->bind, "early", 5);
        evpl_close(r.evpl, early->bind);
        RUN_PASSES(r.evpl, 5);
        for (int j = 0; j < r.ends_count; j++) {
            if (r.ends[j].role == ROLE_ASK && !r.ends[j].disconnected && i % 2) {
                evpl_close(r.evpl, r.ends[j].bind);
            }
        }
    }
    // The rest goes with the loop.
    dial(0, ROLE_BULK);
    stop();
}

static void
listen_round(int fired_before)
{
    int heard = 0;

    start(ROLE_ECHO);
    evpl_listener_detach(r.evpl, evpl_listener_attach(r.evpl, r.listener, attach, NULL));
    for (int i = 0; i < 3; i++) {
        int result = listen_at(i);

        CHECK(result == 0 || fired() != fired_before);
        if (result == 0) {
            // A name that refuses connections is taken for one left behind.
            CHECK(listen_at(i) == -1 || fired() != fired_before);
            dial(i, ROLE_ASK);
            heard++;
        }
    }
    RUN_UNTIL(r.evpl, all_over(), WAIT_MS);
    for (int i = 0; i < heard && fired() == fired_before; i++) {
        CHECK(r.ends[i].connected);
    }
    stop();
}

static void *
thread_start(struct evpl *evpl, void *unused)
{
    (void) unused;
    return evpl_listener_attach(evpl, r.listener, attach, NULL);
}

static void
thread_stop(struct evpl *evpl, void *binding)
{
    evpl_listener_detach(evpl, binding);
}

static void
threads_round(int fired_before)
{
    struct evpl_threadpool *pool;
    struct end *clients[4];

    memset(&r, 0, sizeof(r));
    r.server_role = ROLE_ECHO;
    r.evpl        = test_evpl();
    r.listener    = evpl_listener_create();
    pool          = evpl_threadpool_create(NULL, 2, thread_start, thread_stop, NULL);
    if (listen_at(0) == 0) {
        for (int i = 0; i < 4; i++) {
            clients[i] = dial(0, ROLE_ASK);
        }
        RUN_UNTIL(r.evpl, all_over(), WAIT_MS);
        for (int i = 0; i < 4 && fired() == fired_before; i++) {
            CHECK_EQ(clients[i]->received, ECHO_ROUNDS * ECHO_LEN);
        }
    } else {
        CHECK(fired() != fired_before);
    }
    evpl_threadpool_destroy(pool);
    stop();
}

// Datagrams may be lost: what is not answered is sent again.

static struct evpl_endpoint *udp_server_place;
static int udp_answered;

static void
udp_notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *event, void *private_data)
{
    struct end *end = private_data;

    CHECK(end->bind == bind && !end->disconnected);
    if (event->notify_type == EVPL_NOTIFY_DISCONNECTED) {
        end->disconnected = 1;
    } else if (event->notify_type == EVPL_NOTIFY_RECV_MSG) {
        if (end->role == ROLE_ECHO) {
            evpl_sendto(evpl, bind, event->recv_msg.addr, event->recv_msg.iovec[0].data, event->recv_msg.length);
        } else if (*(int *) event->recv_msg.iovec[0].data == udp_answered) {
            udp_answered++;
        }
        evpl_iovecs_release(evpl, event->recv_msg.iovec, (int) event->recv_msg.niov);
    }
}

static void
udp_ask(struct evpl *evpl, struct evpl_timer *unused)
{
    (void) unused;
    evpl_sendtoep(evpl, r.ends[1].bind, udp_server_place, &udp_answered, sizeof(udp_answered));
}

static void
udp_round(int fired_before)
{
    struct evpl_timer timer;

    memset(&r, 0, sizeof(r));
    r.evpl       = test_evpl();
    udp_answered = 0;
    for (int i = 0; i < 2; i++) {
        struct evpl_endpoint *endpoint = place(i);
        struct end *end                = end_new(i == 0 ? ROLE_ECHO : ROLE_ASK);

        end->bind = evpl_bind(r.evpl, protocol, endpoint, udp_notify, end);
        evpl_endpoint_close(endpoint);
        if (end->bind == NULL) {
            CHECK(fired() != fired_before);
            end->disconnected = 1;
        }
    }
    if (r.ends[0].bind && r.ends[1].bind) {
        udp_server_place = place(0);
        evpl_add_timer(r.evpl, &timer, udp_ask, RESEND_US);
        RUN_UNTIL(r.evpl, udp_answered == ECHO_ROUNDS, WAIT_MS);
        evpl_remove_timer(r.evpl, &timer);
        evpl_endpoint_close(udp_server_place);
        evpl_finish(r.evpl, r.ends[1].bind);
    }
    stop();
}

// A loop's own sources.

static struct evpl_doorbell doorbells[3];
static int rings, bytes_seen, ticks;

static void
on_ring(struct evpl *evpl, struct evpl_doorbell *doorbell)
{
    (void) evpl;
    (void) doorbell;
    rings++;
}

static void
on_tick(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl;
    (void) timer;
    ticks++;
}

static void
on_byte(struct evpl *evpl, struct evpl_fd_event *event)
{
    char byte;

    if (read(evpl_fd_event_fd(event), &byte, 1) == 1) {
        bytes_seen++;
    } else {
        evpl_fd_event_mark_unreadable(evpl, event);
    }
}

static void *
ring_all(void *unused)
{
    (void) unused;
    for (int i = 0; i < 3; i++) {
        evpl_ring_doorbell(&doorbells[i]);
    }
    return NULL;
}

static void
loop_round(int fired_before)
{
    struct evpl_fd_event event;
    struct evpl_timer timer;
    struct evpl_iovec iovecs[100];
    struct evpl_endpoint *endpoint;
    pthread_t thread;
    int fds[2];

    (void) fired_before;
    memset(&r, 0, sizeof(r));
    rings = bytes_seen = ticks = 0;
    CHECK(pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0);
    r.evpl = test_evpl();
    for (int i = 0; i < 3; i++) {
        evpl_add_doorbell(r.evpl, &doorbells[i], on_ring);
    }
    evpl_add_fd_event(r.evpl, &event, fds[0], on_byte, NULL, NULL);
    evpl_fd_event_read_interest(r.evpl, &event);
    evpl_add_timer(r.evpl, &timer, on_tick, 1000);
    CHECK(pthread_create(&thread, NULL, ring_all, NULL) == 0);
    CHECK(write(fds[1], "x", 1) == 1);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(evpl_iovec_alloc(r.evpl, BUFFER_SIZE, 0, 1, i % 2, &iovecs[i]), 1);
    }
    RUN_UNTIL(r.evpl, rings == 3 && bytes_seen == 1 && ticks >= 3, WAIT_MS);
    pthread_join(thread, NULL);
    evpl_iovecs_release(r.evpl, iovecs, 100);
    endpoint = evpl_endpoint_create("127.0.0.1", 1);
    evpl_endpoint_close(endpoint);
    evpl_remove_timer(r.evpl, &timer);
    evpl_remove_fd_event(r.evpl, &event);
    for (int i = 0; i < 3; i++) {
        evpl_remove_doorbell(r.evpl, &doorbells[i]);
    }
    evpl_destroy(r.evpl);
    close(fds[0]);
    close(fds[1]);
}

static const struct {
    const char *name;
    void (*round)(int fired_before);
} scenarios[] = {
    { "connect", connect_round }, { "echo", echo_round },       { "bulk", bulk_round }, { "close", close_round },
    { "listen", listen_round },   { "threads", threads_round }, { "udp", udp_round },   { "loop", loop_round },
    { "memory", loop_round },     { "rdma", rdma_round },
};

static long
slabs(void)
{
    static char text[1 << 16];
    const char *line;

    CHECK(evpl_metrics_scrape(text, sizeof(text)) > 0);
    line = strstr(text, "\nevpl_allocator_total_slabs{} ");
    CHECK(line != NULL);
    return atol(strchr(line, '}') + 1);
}

int
main(int argc, char **argv)
{
    struct evpl_global_config *config = test_config();
    const char *name                  = argc > 1 ? argv[1] : "";
    int rounds                        = argc > 2 ? atoi(argv[2]) : 1;
    // Slabs are made in the background, from pages that this system may not have.
    int background                    = strcmp(name, "memory") == 0;
    int fds;

    evpl_global_config_set_buffer_size(config, BUFFER_SIZE);
    evpl_global_config_set_slab_size(config, SLAB_SIZE);
    evpl_global_config_set_max_datagram_size(config, BUFFER_SIZE);
    if (background) {
        evpl_global_config_set_preallocate_slabs(config, 2);
        evpl_global_config_set_preallocate_threads(config, 2);
        evpl_global_config_set_huge_pages(config, 1);
    }
    evpl_init(config);
    protocol = test_protocol();
    fds = test_fd_count();
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        if (strcmp(name, scenarios[i].name) == 0) {
            for (int round = 0; round < rounds; round++) {
                scenarios[i].round(fired());
                CHECK_EQ(test_fd_count(), fds);
            }
            // Slabs stay, and how many there are is a matter of timing; those in the making cannot be told.
            printf("fired %d blocks %ld\n", fired(), fault_live_blocks && !background ? fault_live_blocks() - slabs() : 0);
            return 0;
        }
    }
    fprintf(stderr, "no scenario %s\n", name);
    return 2;
}
