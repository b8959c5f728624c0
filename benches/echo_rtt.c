// Round trips of 64 bytes between two threads, over each transport, done four ways:
//
//     blocking   two threads in blocking read and write: what the kernel takes
//     epoll      two threads around epoll_wait: what an event loop written by hand takes
//     event      evpl with poll mode off
//     default    evpl as it comes
//
// All ways are set up first and then take turns, a few hundred round trips at a time, so that
// whatever else the machine does falls on all of them. Printed is the median over all turns of
// each turn's median.
//
//     echo_rtt [SECONDS]       default 40
#include <evpl/evpl.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIZE        64
#define TURN        300
#define WARM_UP     50
#define TURNS_MAX   4000
#define BASE_PORT   23500

enum transport { TCP, UDP, UNIX, INPROC, TRANSPORTS };
enum way { BLOCKING, EPOLL, EVENT, DEFAULT, WAYS };

static const char *const transport_names[] = { "TCP", "UDP", "Unix", "inproc" };
static const char *const way_names[] = { "blocking", "epoll", "event", "default" };
static const enum evpl_protocol_id protocols[] = { EVPL_STREAM_SOCKET_TCP, EVPL_DATAGRAM_SOCKET_UDP,
                                                   EVPL_STREAM_SOCKET_UNIX, EVPL_STREAM_INPROC };

struct runner {
    enum transport transport;
    enum way way;

    // The raw ways: the client's descriptors, and the server's.
    int in, out, server_in, server_out;
    int epoll;

    // The evpl ways.
    struct evpl *evpl;
    struct evpl_bind *bind;
    struct evpl_endpoint *server;
    int ready, turn_left;
    unsigned int got;
    struct evpl_listener *listener;
    struct evpl_thread *thread;

    uint64_t sent_at;
    uint64_t *sample; // where the next one goes
    uint64_t medians[TURNS_MAX];
    int turns;
};

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}

static uint64_t percentile(uint64_t *values, int count, int percent)
{
    qsort(values, count, sizeof(*values), compare);
    return values[(long) (count - 1) * percent / 100];
}

// The raw ways. In process there is no data to move, only a wake-up: eventfds.

static size_t raw_size(const struct runner *runner)
{
    return runner->transport == INPROC ? 8 : SIZE;
}

static int raw_epoll_of(int fd)
{
    struct epoll_event event = { .events = EPOLLIN };
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll");
    return epoll;
}

static void raw_read(int epoll, int fd, char *buffer, size_t size)
{
    struct epoll_event event;
    size_t got = 0;

    while (got < size) {
        ssize_t n;

        if (epoll >= 0 && epoll_wait(epoll, &event, 1, -1) != 1)
            die("epoll_wait");
        n = read(fd, buffer + got, size - got);
        if (n <= 0)
            die("read");
        got += n;
    }
}

static void *raw_server(void *argument)
{
    struct runner *runner = argument;
    int epoll = runner->way == EPOLL ? raw_epoll_of(runner->server_in) : -1;
    size_t size = raw_size(runner);
    char buffer[SIZE];

    for (;;) {
        raw_read(epoll, runner->server_in, buffer, size);
        if (write(runner->server_out, buffer, size) != (ssize_t) size)
            die("write");
    }
    return NULL;
}

static void raw_pair_tcp(int *a, int *b)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *a = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *) &address, length) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *) &address, &length) != 0 ||
        connect(*a, (struct sockaddr *) &address, length) != 0 ||
        (*b = accept(listener, NULL, NULL)) < 0)
        die("tcp");
    setsockopt(*a, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(*b, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    close(listener);
}

static void raw_pair_udp(int *a, int *b)
{
    struct sockaddr_in addresses[2] = { 0 };
    int fds[2], i;

    for (i = 0; i < 2; i++) {
        socklen_t length = sizeof(addresses[i]);

        addresses[i].sin_family = AF_INET;
        addresses[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
        if (bind(fds[i], (struct sockaddr *) &addresses[i], length) != 0 ||
            getsockname(fds[i], (struct sockaddr *) &addresses[i], &length) != 0)
            die("udp");
    }
    for (i = 0; i < 2; i++)
        if (connect(fds[i], (struct sockaddr *) &addresses[!i], sizeof(addresses[i])) != 0)
            die("udp");
    *a = fds[0];
    *b = fds[1];
}

static void raw_start(struct runner *runner)
{
    pthread_t thread;
    int pair[2];

    switch (runner->transport) {
    case TCP: raw_pair_tcp(&pair[0], &pair[1]); break;
    case UDP: raw_pair_udp(&pair[0], &pair[1]); break;
    default:
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
            die("socketpair");
    }
    runner->in = runner->out = pair[0];
    runner->server_in = runner->server_out = pair[1];
    if (runner->transport == INPROC) {
        close(pair[0]);
        close(pair[1]);
        runner->in = runner->server_out = eventfd(0, 0);
        runner->out = runner->server_in = eventfd(0, 0);
    }
    runner->epoll = runner->way == EPOLL ? raw_epoll_of(runner->in) : -1;
    if (pthread_create(&thread, NULL, raw_server, runner) != 0)
        die("pthread_create");
}

static void raw_turn(struct runner *runner, int count, uint64_t *samples)
{
    size_t size = raw_size(runner);
    char buffer[SIZE] = { 1 };
    int i;

    for (i = 0; i < count; i++) {
        uint64_t started = now_ns();

        if (write(runner->out, buffer, size) != (ssize_t) size)
            die("write");
        raw_read(runner->epoll, runner->in, buffer, size);
        samples[i] = now_ns() - started;
    }
}

// The evpl ways.

static void server_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                         void *private_data)
{
    char buffer[SIZE];
    int n;

    (void) private_data;
    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA)
        while ((n = evpl_recv(evpl, bind, buffer, SIZE, 0)) > 0)
            evpl_send(evpl, bind, buffer, n);
    if (notify->notify_type == EVPL_NOTIFY_RECV_MSG)
        evpl_sendtov(evpl, bind, notify->recv_msg.addr, notify->recv_msg.iovec,
                     notify->recv_msg.niov, notify->recv_msg.length, EVPL_SEND_FLAG_TAKE_REF);
}

static void server_accept(struct evpl *evpl, struct evpl_bind *bind,
                          evpl_notify_callback_t *notify, evpl_segment_callback_t *segment,
                          void **conn_private_data, void *private_data)
{
    (void) evpl, (void) bind, (void) segment, (void) conn_private_data, (void) private_data;
    *notify = server_event;
}

static void *server_init(struct evpl *evpl, void *private_data)
{
    struct runner *runner = private_data;

    if (runner->listener != NULL)
        return evpl_listener_attach(evpl, runner->listener, server_accept, NULL);
    if (evpl_bind(evpl, protocols[runner->transport], runner->server, server_event, NULL) == NULL)
        die("evpl_bind");
    return NULL;
}

static void server_shutdown(struct evpl *evpl, void *private_data)
{
    if (private_data != NULL)
        evpl_listener_detach(evpl, private_data);
}

static void client_send(struct runner *runner)
{
    static const char buffer[SIZE] = { 1 };

    runner->sent_at = now_ns();
    if (runner->transport == UDP)
        evpl_sendtoep(runner->evpl, runner->bind, runner->server, buffer, SIZE);
    else
        evpl_send(runner->evpl, runner->bind, buffer, SIZE);
}

static void client_received(struct runner *runner, unsigned int bytes)
{
    runner->got += bytes;
    if (runner->got < SIZE)
        return;
    runner->got = 0;
    *runner->sample++ = now_ns() - runner->sent_at;
    if (--runner->turn_left > 0)
        client_send(runner);
}

static void client_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                         void *private_data)
{
    struct runner *runner = private_data;
    char buffer[SIZE];
    int n;

    switch (notify->notify_type) {
    case EVPL_NOTIFY_CONNECTED:
        runner->ready = 1;
        break;
    case EVPL_NOTIFY_RECV_DATA:
        while ((n = evpl_recv(evpl, bind, buffer, SIZE, 0)) > 0)
            client_received(runner, n);
        break;
    case EVPL_NOTIFY_RECV_MSG:
        evpl_iovecs_release(evpl, notify->recv_msg.iovec, notify->recv_msg.niov);
        client_received(runner, notify->recv_msg.length);
        break;
    }
}

static struct evpl_thread_config *config_of(const struct runner *runner)
{
    struct evpl_thread_config *config = evpl_thread_config_init();

    evpl_thread_config_set_poll_mode(config, runner->way == DEFAULT);
    return config;
}

static void evpl_start(struct runner *runner)
{
    struct evpl_thread_config *config = config_of(runner);
    char name[64];

    switch (runner->transport) {
    case TCP:
    case UDP:
        runner->server = evpl_endpoint_create("127.0.0.1", BASE_PORT + runner->way);
        break;
    default:
        snprintf(name, sizeof(name), "%s-echo-rtt-%d-%d",
                 runner->transport == UNIX ? "@evpl" : "inproc://evpl", (int) getpid(), runner->way);
        runner->server = evpl_endpoint_create(name, 0);
    }
    runner->evpl = evpl_create(config);
    if (runner->transport != UDP)
        runner->listener = evpl_listener_create();
    runner->thread = evpl_thread_create(config, server_init, server_shutdown, runner);
    evpl_thread_config_release(config);

    if (runner->transport == UDP) {
        struct evpl_endpoint *any = evpl_endpoint_create("127.0.0.1", 0);

        runner->bind = evpl_bind(runner->evpl, protocols[UDP], any, client_event, runner);
        evpl_endpoint_close(any);
        return;
    }
    if (evpl_listen(runner->listener, protocols[runner->transport], runner->server) != 0)
        die("evpl_listen");
    runner->bind = evpl_connect(runner->evpl, protocols[runner->transport], NULL, runner->server,
                                client_event, NULL, runner);
    while (!runner->ready)
        evpl_continue(runner->evpl);
}

static void evpl_turn(struct runner *runner, int count, uint64_t *samples)
{
    runner->sample = samples;
    runner->turn_left = count;
    client_send(runner);
    while (runner->turn_left > 0)
        evpl_continue(runner->evpl);
}

static void evpl_stop_runner(struct runner *runner)
{
    if (runner->listener != NULL)
        evpl_listener_destroy(runner->listener);
    evpl_thread_destroy(runner->thread);
    evpl_destroy(runner->evpl);
    evpl_endpoint_close(runner->server);
}

static void turn(struct runner *runner)
{
    static uint64_t samples[WARM_UP + TURN];
    int is_evpl = runner->way == EVENT || runner->way == DEFAULT;

    (is_evpl ? evpl_turn : raw_turn)(runner, WARM_UP + TURN, samples);
    runner->medians[runner->turns++] = percentile(samples + WARM_UP, TURN, 50);
}

int main(int argc, char **argv)
{
    static struct runner runners[TRANSPORTS][WAYS];
    uint64_t deadline;
    int t, w, turns;

    for (t = 0; t < TRANSPORTS; t++) {
        for (w = 0; w < WAYS; w++) {
            struct runner *runner = &runners[t][w];

            runner->transport = t;
            runner->way = w;
            if (w == EVENT || w == DEFAULT)
                evpl_start(runner);
            else
                raw_start(runner);
        }
    }
    deadline = now_ns() + (argc > 1 ? atoi(argv[1]) : 40) * 1000000000ULL;
    for (turns = 0; turns < TURNS_MAX && now_ns() < deadline; turns++)
        for (t = 0; t < TRANSPORTS; t++)
            for (w = 0; w < WAYS; w++)
                turn(&runners[t][(w + turns) % WAYS]);

    printf("round trips of %d bytes, %d turns of %d; median in microseconds, and the quartiles\n\n",
           SIZE, turns, TURN);
    printf("%-10s %-10s %8s %8s %8s %11s %9s\n", "transport", "way", "median", "25%", "75%",
           "/ blocking", "/ epoll");
    for (t = 0; t < TRANSPORTS; t++) {
        double base[WAYS];

        for (w = 0; w < WAYS; w++) {
            struct runner *runner = &runners[t][w];

            base[w] = percentile(runner->medians, turns, 50) / 1e3;
            printf("%-10s %-10s %8.2f %8.2f %8.2f", transport_names[t], way_names[w], base[w],
                   percentile(runner->medians, turns, 25) / 1e3,
                   percentile(runner->medians, turns, 75) / 1e3);
            printf(" %11.2f", base[w] / base[BLOCKING]);
            if (w >= EPOLL)
                printf(" %9.2f", base[w] / base[EPOLL]);
            printf("\n");
            if (w >= EVENT)
                evpl_stop_runner(runner);
        }
    }
    return 0;
}
