// Messages of 64 bytes to and fro between two threads, with DEPTH of them under way.
//
//     rtt WAY TRANSPORT [DEPTH [SECONDS [CORE CORE]]]
//
// WAY is one of
//
//     blocking   raw: two threads in blocking read and write
//     epoll      raw: two threads around epoll_wait
//     spin       raw: two threads that try to read until there is something, and never sleep
//     event      evpl with poll mode off
//     default    evpl as it comes
//
// The raw ways read whatever is there and write it back as one batch. For the inproc transports the raw
// ways are shared memory (spin) and eventfds (blocking, epoll). Cores of -1 leave a thread where the
// scheduler puts it. `messages` are all of them, from the first on.
#include "transport.h"

#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define SIZE      64
#define DEPTH_MAX 256
#define WARM_UP_S 0.05

enum way { BLOCKING, EPOLL, SPIN, EVENT, DEFAULT, WAYS };

static const char *const way_names[] = { "blocking", "epoll", "spin", "event", "default" };

static enum way way;
static enum transport transport;
static int depth = 1, cores[2] = { 0, 1 };
static int per_batch, sleeping;
static uint64_t measure_from, measure_to;
static struct batches batches;

// What the client counts. Batches that ended during the warm-up are not kept.

static int messages_in_batch;
static unsigned long messages, messages_all;
static uint64_t messages_from, messages_to;

// Returns 0 when the time is over.
static int client_counts(int count)
{
    messages_in_batch += count;
    messages_all += count;
    if (messages_in_batch < per_batch)
        return 1;
    batch_end(&batches, messages_in_batch);
    if (batches.started < measure_from) {
        batches.count = 0;
        messages_from = batches.started;
    } else {
        messages += messages_in_batch;
    }
    messages_in_batch = 0;
    messages_to = batches.started;
    return messages_to < measure_to;
}

// The raw ways.

struct raw_end {
    int in, out, epoll;
    struct sockaddr_in peer;
};

static size_t raw_size(void)
{
    return transport >= INPROC ? 8 : SIZE;
}

static void raw_watch(struct raw_end *end)
{
    struct epoll_event event = { .events = EPOLLIN };

    end->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (end->epoll < 0 || epoll_ctl(end->epoll, EPOLL_CTL_ADD, end->in, &event) != 0)
        die("epoll");
}

static size_t raw_read(struct raw_end *end, char *buffer, size_t size)
{
    struct epoll_event event;
    ssize_t n;

    if (way == EPOLL && epoll_wait(end->epoll, &event, 1, -1) != 1)
        die("epoll_wait");
    do {
        if (transport >= INPROC)
            n = read(end->in, buffer, size);
        else if (transport == UDP) {
            socklen_t length = sizeof(end->peer);

            n = recvfrom(end->in, buffer, size, way == SPIN ? MSG_DONTWAIT : 0,
                         (struct sockaddr *) &end->peer, &length);
        }
        else
            n = recv(end->in, buffer, size, way == SPIN ? MSG_DONTWAIT : 0);
    } while (n < 0 && errno == EAGAIN);
    if (n <= 0)
        die("read");
    return n;
}

static void raw_write(const struct raw_end *end, const char *buffer, size_t size)
{
    ssize_t n;

    if (transport >= INPROC)
        n = write(end->out, buffer, size);
    else if (transport == UDP)
        n = sendto(end->out, buffer, size, MSG_NOSIGNAL, (const struct sockaddr *) &end->peer,
                   sizeof(end->peer));
    else
        n = send(end->out, buffer, size, MSG_NOSIGNAL);

    if (n != (ssize_t) size)
        die("write");
}

static void *raw_server(void *argument)
{
    struct raw_end *end = argument;
    char buffer[SIZE * DEPTH_MAX];

    pin(cores[1]);
    for (;;)
        raw_write(end, buffer, raw_read(end, buffer, raw_size() * depth));
    return NULL;
}

static void raw_run(void)
{
    struct raw_end client, server;
    struct sockaddr_in peers[2];
    char buffer[SIZE * DEPTH_MAX] = { 1 };
    size_t size = raw_size(), got = 0;
    pthread_t thread;

    switch (transport) {
    case TCP:
    case URING: pair_tcp(&client.in, &server.in); break;
    case UDP:
        pair_udp(&client.in, &server.in, peers);
        client.peer = peers[0];
        server.peer = peers[1];
        break;
    case UNIX: pair_unix(&client.in, &server.in); break;
    default:
        client.in = eventfd(0, 0);
        server.in = eventfd(0, 0);
    }
    client.out = transport >= INPROC ? server.in : client.in;
    server.out = transport >= INPROC ? client.in : server.in;
    raw_watch(&client);
    raw_watch(&server);
    if (pthread_create(&thread, NULL, raw_server, &server) != 0)
        die("pthread_create");
    pin(cores[0]);
    raw_write(&client, buffer, size * depth);
    for (;;) {
        size_t n = raw_read(&client, buffer, size * depth);

        got += n;
        if (!client_counts(got / size))
            return;
        got %= size;
        raw_write(&client, buffer, n);
    }
}

// Shared memory: one slot each way, with a number that says how often it was filled.

struct slot {
    _Alignas(128) atomic_ulong filled;
    _Alignas(64) char bytes[SIZE];
};

static struct slot to_server, to_client;

static void slot_fill(struct slot *slot, const char *bytes, unsigned long number)
{
    memcpy(slot->bytes, bytes, SIZE);
    atomic_store_explicit(&slot->filled, number, memory_order_release);
}

static void slot_take(struct slot *slot, char *bytes, unsigned long number)
{
    while (atomic_load_explicit(&slot->filled, memory_order_acquire) != number)
        __builtin_ia32_pause();
    memcpy(bytes, slot->bytes, SIZE);
}

static void *shared_server(void *argument)
{
    char bytes[SIZE];
    unsigned long number;

    (void) argument;
    pin(cores[1]);
    for (number = 1;; number++) {
        slot_take(&to_server, bytes, number);
        slot_fill(&to_client, bytes, number);
    }
    return NULL;
}

static void shared_run(void)
{
    char bytes[SIZE] = { 1 };
    unsigned long number = 1;
    pthread_t thread;

    if (pthread_create(&thread, NULL, shared_server, NULL) != 0)
        die("pthread_create");
    pin(cores[0]);
    do {
        slot_fill(&to_server, bytes, number);
        slot_take(&to_client, bytes, number++);
    } while (client_counts(1));
}

// The evpl ways.

static struct server server;
static unsigned int client_got;

static void server_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                         void *private_data)
{
    char buffer[SIZE * DEPTH_MAX];
    int n;

    (void) private_data;
    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA)
        while ((n = evpl_recv(evpl, bind, buffer, sizeof(buffer), 0)) > 0)
            evpl_send(evpl, bind, buffer, n);
    if (notify->notify_type == EVPL_NOTIFY_RECV_MSG)
        evpl_sendtov(evpl, bind, notify->recv_msg.addr, notify->recv_msg.iovec,
                     notify->recv_msg.niov, notify->recv_msg.length, EVPL_SEND_FLAG_TAKE_REF);
}

static void client_send(struct evpl *evpl, struct evpl_bind *bind)
{
    static const char message[SIZE] = { 1 };

    if (transport == UDP)
        evpl_sendtoep(evpl, bind, server.endpoint, message, SIZE);
    else
        evpl_send(evpl, bind, message, SIZE);
}

// Each message that is back is sent again, one call for each.
static void client_received(struct evpl *evpl, struct evpl_bind *bind, unsigned int bytes)
{
    unsigned int count, i;

    client_got += bytes;
    count = client_got / SIZE;
    client_got %= SIZE;
    if (!client_counts(count)) {
        evpl_stop(evpl);
        return;
    }
    for (i = 0; i < count; i++)
        client_send(evpl, bind);
}

static void client_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                         void *private_data)
{
    char buffer[SIZE * DEPTH_MAX];
    int i, n;

    (void) private_data;
    switch (notify->notify_type) {
    case EVPL_NOTIFY_CONNECTED:
        for (i = 0; i < depth; i++)
            client_send(evpl, bind);
        break;
    case EVPL_NOTIFY_RECV_DATA:
        while ((n = evpl_recv(evpl, bind, buffer, sizeof(buffer), 0)) > 0)
            client_received(evpl, bind, n);
        break;
    case EVPL_NOTIFY_RECV_MSG:
        n = notify->recv_msg.length;
        evpl_iovecs_release(evpl, notify->recv_msg.iovec, notify->recv_msg.niov);
        client_received(evpl, bind, n);
        break;
    }
}

static void evpl_run_all(void)
{
    struct evpl_thread_config *config = config_with_polling(way == DEFAULT);
    struct evpl *evpl;
    struct evpl_bind *bind;
    int i;

    server.transport = transport;
    server.core = cores[1];
    server.notify = server_event;
    server_start(&server, config);
    pin(cores[0]);
    evpl = evpl_create(config);
    evpl_thread_config_release(config);
    if (transport == UDP) {
        struct evpl_endpoint *any = evpl_endpoint_create("127.0.0.1", 0);

        bind = evpl_bind(evpl, protocols[UDP], any, client_event, NULL);
        evpl_endpoint_close(any);
        for (i = 0; i < depth; i++)
            client_send(evpl, bind);
    } else {
        bind = evpl_connect(evpl, protocols[transport], NULL, server.endpoint, client_event, NULL,
                            NULL);
    }
    if (bind == NULL)
        die("evpl bind");
    evpl_run(evpl);
    evpl_destroy(evpl);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    double seconds = argc > 4 ? atof(argv[4]) : 0.25;

    if (argc < 3)
        return 2;
    give_up_after(seconds + 20);
    while (strcmp(argv[1], way_names[way]) != 0)
        if (++way == WAYS)
            return 2;
    transport = transport_named(argv[2]);
    if (argc > 3)
        depth = atoi(argv[3]);
    if (depth < 1 || depth > DEPTH_MAX)
        return 2;
    if (argc > 6) {
        cores[0] = atoi(argv[5]);
        cores[1] = atoi(argv[6]);
    }
    // Who sleeps has the time to look at the clock after each message.
    sleeping = depth == 1 && way != SPIN && way != DEFAULT;
    if (sleeping)
        per_batch = 1;
    else
        per_batch = (transport >= INPROC && (way == SPIN || way == DEFAULT) ? 256 : 16) * depth;
    measure_from = now_ns() + WARM_UP_S * 1e9;
    measure_to = measure_from + seconds * 1e9;

    settings_for(transport);
    if (way < EVENT && transport == TLS)
        return 2;
    if (way >= EVENT)
        evpl_run_all();
    else if (way == SPIN && transport >= INPROC)
        shared_run();
    else
        raw_run();
    if (messages == 0) {
        fprintf(stderr, "not one batch in time\n");
        return 1;
    }
    figure("rtt_us", batches_median(&batches) * depth / 1e3);
    if (sleeping)
        figure("p99_us", batches_percentile(&batches, 99) / 1e3);
    figure("messages", messages_all);
    figure("messages_per_s", messages * 1e9 / (messages_to - messages_from));
    return 0;
}
