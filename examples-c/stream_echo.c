// Echo over any stream protocol, with both ends checked: the client keeps a bounded amount in
// flight, compares every byte that returns, and prints how long it took.
//
//     stream_echo [-s | -c] [-n MIB] PROTOCOL ADDRESS [PORT]
//
//     stream_echo -s STREAM_SOCKET_TCP 127.0.0.1 7000     the server, until SIGTERM or SIGINT
//     stream_echo -c STREAM_SOCKET_TCP 127.0.0.1 7000     the client
//     stream_echo STREAM_INPROC inproc://echo             both in one process
//     stream_echo STREAM_SOCKET_UNIX /tmp/echo.sock
#include <evpl/evpl.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IN_FLIGHT_MAX (1 << 20)
#define CHUNK         (64 << 10)
#define PATTERN       65521 // a prime, so that a chunk that went missing shows
#define DEADLINE_US   60000000

// The server: one thread that sends back what it receives.

struct server {
    struct evpl_listener *listener;
    struct evpl_listener_binding *binding;
    struct evpl_thread *thread;
};

static void server_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                         void *private_data)
{
    struct evpl_iovec iov[16];
    int n, length;

    (void) private_data;
    if (notify->notify_type != EVPL_NOTIFY_RECV_DATA)
        return;
    while ((n = evpl_recvv(evpl, bind, iov, 16, IN_FLIGHT_MAX, &length)) > 0)
        evpl_sendv(evpl, bind, iov, n, length, EVPL_SEND_FLAG_TAKE_REF);
}

static void server_accept(struct evpl *evpl, struct evpl_bind *bind,
                          evpl_notify_callback_t *notify, evpl_segment_callback_t *segment,
                          void **conn_private_data, void *private_data)
{
    (void) evpl, (void) bind, (void) segment, (void) conn_private_data, (void) private_data;
    *notify = server_event;
}

static void *server_thread_init(struct evpl *evpl, void *private_data)
{
    struct server *server = private_data;

    server->binding = evpl_listener_attach(evpl, server->listener, server_accept, NULL);
    return server;
}

static void server_thread_shutdown(struct evpl *evpl, void *private_data)
{
    struct server *server = private_data;

    evpl_listener_detach(evpl, server->binding);
}

static int server_start(struct server *server, enum evpl_protocol_id protocol,
                        struct evpl_endpoint *endpoint)
{
    server->listener = evpl_listener_create();
    server->thread =
        evpl_thread_create(NULL, server_thread_init, server_thread_shutdown, server);
    return evpl_listen(server->listener, protocol, endpoint);
}

static void server_stop(struct server *server)
{
    evpl_listener_destroy(server->listener);
    evpl_thread_destroy(server->thread);
}

// The client.

struct client {
    unsigned char pattern[PATTERN + CHUNK]; // repeats, so that every chunk is contiguous
    unsigned long total, sent, received;
    int failed, done;
    struct timespec started, finished;
    struct evpl_timer deadline;
};

static void client_pump(struct evpl *evpl, struct evpl_bind *bind, struct client *client)
{
    while (client->sent < client->total && client->sent - client->received < IN_FLIGHT_MAX) {
        unsigned long left = client->total - client->sent;
        unsigned int length = left < CHUNK ? left : CHUNK;

        evpl_send(evpl, bind, client->pattern + client->sent % PATTERN, length);
        client->sent += length;
    }
}

static void client_check(struct client *client, const struct evpl_iovec *iov)
{
    const unsigned char *data = evpl_iovec_data(iov);
    unsigned int length = evpl_iovec_length(iov), at = 0;

    while (at < length) {
        unsigned int step = length - at < CHUNK ? length - at : CHUNK;

        if (memcmp(data + at, client->pattern + client->received % PATTERN, step) != 0)
            client->failed = 1;
        client->received += step;
        at += step;
    }
}

static void client_receive(struct evpl *evpl, struct evpl_bind *bind, struct client *client)
{
    struct evpl_iovec iov[16];
    int i, n;

    while ((n = evpl_recvv(evpl, bind, iov, 16, IN_FLIGHT_MAX, NULL)) > 0) {
        for (i = 0; i < n; i++)
            client_check(client, &iov[i]);
        evpl_iovecs_release(evpl, iov, n);
    }
    if (client->received < client->total) {
        client_pump(evpl, bind, client);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &client->finished);
    evpl_finish(evpl, bind);
}

static void client_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                         void *private_data)
{
    struct client *client = private_data;

    switch (notify->notify_type) {
    case EVPL_NOTIFY_CONNECTED:
        clock_gettime(CLOCK_MONOTONIC, &client->started);
        client_pump(evpl, bind, client);
        break;
    case EVPL_NOTIFY_RECV_DATA:
        client_receive(evpl, bind, client);
        break;
    case EVPL_NOTIFY_DISCONNECTED:
        client->done = 1;
        break;
    }
}

static void client_too_late(struct evpl *evpl, struct evpl_timer *timer)
{
    (void) evpl, (void) timer;
    fprintf(stderr, "gave up: no answer in time\n");
    _exit(1);
}

static int client_run(enum evpl_protocol_id protocol, const char *name,
                      struct evpl_endpoint *endpoint, unsigned long total)
{
    struct client *client = calloc(1, sizeof(*client));
    struct evpl *evpl = evpl_create(NULL);
    double seconds;
    int i, ok;

    for (i = 0; i < PATTERN + CHUNK; i++)
        client->pattern[i] = (i % PATTERN) * 2654435761u >> 24;
    client->total = total;
    evpl_add_oneshot_timer(evpl, &client->deadline, client_too_late, DEADLINE_US);
    if (evpl_connect(evpl, protocol, NULL, endpoint, client_event, NULL, client) == NULL)
        client->done = 1;
    while (!client->done)
        evpl_continue(evpl);
    evpl_destroy(evpl);

    ok = !client->failed && client->received == total;
    seconds = (client->finished.tv_sec - client->started.tv_sec) +
              (client->finished.tv_nsec - client->started.tv_nsec) / 1e9;
    if (client->received < total)
        printf("%-20s failed after %lu of %lu bytes\n", name, client->received, total);
    else
        printf("%-20s %lu MiB there and back in %.3f s, %.0f MiB/s each way, bytes %s\n", name,
               total >> 20, seconds, (total >> 20) / seconds, ok ? "match" : "DIFFER");
    free(client);
    return ok ? 0 : 1;
}

// Signals are blocked before the first thread exists, so that only this waits for them.
static void wait_for_signal(const sigset_t *signals)
{
    int number;

    sigwait(signals, &number);
}

int main(int argc, char **argv)
{
    enum evpl_protocol_id protocol;
    struct evpl_endpoint *endpoint;
    struct server server = { 0 };
    unsigned long mib = 64;
    int serve = 1, connect = 1, status = 0, option;
    sigset_t signals;

    while ((option = getopt(argc, argv, "scn:")) != -1) {
        switch (option) {
        case 's': connect = 0; break;
        case 'c': serve = 0; break;
        case 'n': mib = strtoul(optarg, NULL, 10); break;
        default: return 2;
        }
    }
    if (argc - optind < 2 || !(serve || connect) || mib == 0) {
        fprintf(stderr, "usage: %s [-s | -c] [-n MIB] PROTOCOL ADDRESS [PORT]\n", argv[0]);
        return 2;
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    if (!connect)
        sigprocmask(SIG_BLOCK, &signals, NULL);

    if (evpl_protocol_lookup(&protocol, argv[optind]) != 0 || !evpl_protocol_is_stream(protocol)) {
        fprintf(stderr, "%s is no stream protocol of this library\n", argv[optind]);
        return 2;
    }
    endpoint = evpl_endpoint_create(argv[optind + 1], argc - optind > 2 ? atoi(argv[optind + 2]) : 0);
    if (endpoint == NULL)
        return 2;
    if (serve && server_start(&server, protocol, endpoint) != 0) {
        perror(argv[optind + 1]);
        status = 1;
    } else if (connect) {
        status = client_run(protocol, argv[optind], endpoint, mib << 20);
    } else {
        printf("listening\n");
        fflush(stdout);
        wait_for_signal(&signals);
    }
    if (serve)
        server_stop(&server);
    evpl_endpoint_close(endpoint);
    return status;
}
