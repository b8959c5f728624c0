// Echo of messages over any datagram protocol. Each message keeps its boundaries; the client
// compares what returns, and sends again what UDP lost.
//
//     datagram_echo [-s | -c] [-n MESSAGES] PROTOCOL ADDRESS [PORT]
//
//     datagram_echo -s DATAGRAM_SOCKET_UDP 127.0.0.1 7000    the server, until SIGTERM or SIGINT
//     datagram_echo -c DATAGRAM_SOCKET_UDP 127.0.0.1 7000    the client
//     datagram_echo DATAGRAM_INPROC inproc://echo            both in one process
#include <evpl/evpl.h>

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IN_FLIGHT_MAX 16
#define MESSAGE_MAX   1400
#define RETRY_US      100000
#define RETRY_MAX     100

// UDP binds have no connection: they are opened with evpl_bind and answer to an address. The other
// protocols connect, and carry messages instead of bytes.
static int is_connected(enum evpl_protocol_id protocol)
{
    return protocol != EVPL_DATAGRAM_SOCKET_UDP && protocol != EVPL_DATAGRAM_RDMACM_UD;
}

// The server: one thread that returns each message to its sender.

struct server {
    enum evpl_protocol_id protocol;
    struct evpl_endpoint *endpoint;
    struct evpl_listener *listener;
    struct evpl_listener_binding *binding;
    struct evpl_thread *thread;
    int failed;
};

static void server_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                         void *private_data)
{
    (void) private_data;
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

static void *server_thread_init(struct evpl *evpl, void *private_data)
{
    struct server *server = private_data;

    if (server->listener != NULL)
        server->binding = evpl_listener_attach(evpl, server->listener, server_accept, NULL);
    else if (evpl_bind(evpl, server->protocol, server->endpoint, server_event, NULL) == NULL)
        server->failed = 1;
    return server;
}

static void server_thread_shutdown(struct evpl *evpl, void *private_data)
{
    struct server *server = private_data;

    if (server->listener != NULL)
        evpl_listener_detach(evpl, server->binding);
}

static int server_start(struct server *server)
{
    if (is_connected(server->protocol))
        server->listener = evpl_listener_create();
    server->thread =
        evpl_thread_create(NULL, server_thread_init, server_thread_shutdown, server);
    if (server->listener != NULL)
        return evpl_listen(server->listener, server->protocol, server->endpoint);
    return server->failed ? -1 : 0;
}

static void server_stop(struct server *server)
{
    if (server->listener != NULL)
        evpl_listener_destroy(server->listener);
    evpl_thread_destroy(server->thread);
}

// The client: a window of messages, each with its number in front.

struct client {
    struct evpl_bind *bind;
    struct evpl_endpoint *server;
    int connected;
    unsigned int total, first, next; // [first, next) is in flight
    unsigned char *echoed;
    unsigned long bytes;
    unsigned int resent, idle_ticks, echoed_at_tick, echoed_count;
    int failed, done;
    struct evpl_timer tick;
};

static unsigned int fill(unsigned char *message, unsigned int number)
{
    unsigned int size = 4 + number * 7919u % (MESSAGE_MAX - 4), i;

    memcpy(message, &number, 4);
    for (i = 4; i < size; i++)
        message[i] = number + i * 31;
    return size;
}

static void client_send(struct evpl *evpl, struct client *client, unsigned int number)
{
    unsigned char message[MESSAGE_MAX];
    unsigned int size = fill(message, number);

    if (client->connected)
        evpl_send(evpl, client->bind, message, size);
    else
        evpl_sendtoep(evpl, client->bind, client->server, message, size);
}

static void client_pump(struct evpl *evpl, struct client *client)
{
    while (client->first < client->next && client->echoed[client->first])
        client->first++;
    while (client->next < client->total && client->next - client->first < IN_FLIGHT_MAX)
        client_send(evpl, client, client->next++);
    if (client->first == client->total)
        evpl_finish(evpl, client->bind);
}

static void client_receive(struct evpl *evpl, struct client *client,
                           const struct evpl_notify_recv_msg *msg)
{
    unsigned char got[MESSAGE_MAX], want[MESSAGE_MAX];
    unsigned int i, number, size = 0;

    for (i = 0; i < msg->niov; i++) {
        unsigned int length = evpl_iovec_length(&msg->iovec[i]);

        if (length <= MESSAGE_MAX - size)
            memcpy(got + size, evpl_iovec_data(&msg->iovec[i]), length);
        size += length;
    }
    evpl_iovecs_release(evpl, msg->iovec, msg->niov);

    if (size < 4 || size > MESSAGE_MAX) {
        client->failed = 1;
        return;
    }
    memcpy(&number, got, 4);
    if (number >= client->next || fill(want, number) != size || memcmp(got, want, size) != 0) {
        client->failed = 1;
    } else if (!client->echoed[number]) {
        client->echoed[number] = 1;
        client->echoed_count++;
        client->bytes += size;
    }
}

static void client_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                         void *private_data)
{
    struct client *client = private_data;

    (void) bind;
    switch (notify->notify_type) {
    case EVPL_NOTIFY_RECV_MSG:
        client_receive(evpl, client, &notify->recv_msg);
        client_pump(evpl, client);
        break;
    case EVPL_NOTIFY_DISCONNECTED:
        client->done = 1;
        break;
    }
}

// Nothing returned since the last tick: what is in flight was lost.
static void client_tick(struct evpl *evpl, struct evpl_timer *timer)
{
    struct client *client = (struct client *) ((char *) timer - offsetof(struct client, tick));
    unsigned int number;

    if (client->echoed_count != client->echoed_at_tick) {
        client->echoed_at_tick = client->echoed_count;
        client->idle_ticks = 0;
        return;
    }
    if (++client->idle_ticks > RETRY_MAX) {
        evpl_close(evpl, client->bind);
        return;
    }
    for (number = client->first; number < client->next && !client->connected; number++) {
        if (!client->echoed[number]) {
            client_send(evpl, client, number);
            client->resent++;
        }
    }
}

static int client_run(enum evpl_protocol_id protocol, const char *name,
                      struct evpl_endpoint *endpoint, unsigned int total)
{
    struct client client = { .server = endpoint, .connected = is_connected(protocol),
                             .total = total, .echoed = calloc(total, 1) };
    struct evpl *evpl = evpl_create(NULL);
    struct timespec started, finished;
    double seconds;
    int ok;

    if (client.connected) {
        client.bind = evpl_connect(evpl, protocol, NULL, endpoint, client_event, NULL, &client);
    } else {
        struct evpl_endpoint *any = evpl_endpoint_create("0.0.0.0", 0);

        client.bind = evpl_bind(evpl, protocol, any, client_event, &client);
        evpl_endpoint_close(any);
    }
    clock_gettime(CLOCK_MONOTONIC, &started);
    if (client.bind != NULL) {
        evpl_add_timer(evpl, &client.tick, client_tick, RETRY_US);
        client_pump(evpl, &client);
    }
    while (client.bind != NULL && !client.done)
        evpl_continue(evpl);
    clock_gettime(CLOCK_MONOTONIC, &finished);
    evpl_remove_timer(evpl, &client.tick);
    evpl_destroy(evpl);
    free(client.echoed);

    ok = !client.failed && client.echoed_count == total;
    seconds = (finished.tv_sec - started.tv_sec) + (finished.tv_nsec - started.tv_nsec) / 1e9;
    printf("%-20s %u of %u messages (%.1f MiB) there and back in %.3f s, %u sent again, bytes %s\n",
           name, client.echoed_count, total, client.bytes / 1048576.0, seconds, client.resent,
           ok ? "match" : "DIFFER");
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct server server = { 0 };
    unsigned int messages = 20000;
    int serve = 1, connect = 1, status = 0, option, number;
    sigset_t signals;

    while ((option = getopt(argc, argv, "scn:")) != -1) {
        switch (option) {
        case 's': connect = 0; break;
        case 'c': serve = 0; break;
        case 'n': messages = strtoul(optarg, NULL, 10); break;
        default: return 2;
        }
    }
    if (argc - optind < 2 || !(serve || connect) || messages == 0) {
        fprintf(stderr, "usage: %s [-s | -c] [-n MESSAGES] PROTOCOL ADDRESS [PORT]\n", argv[0]);
        return 2;
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    if (!connect)
        sigprocmask(SIG_BLOCK, &signals, NULL);

    if (evpl_protocol_lookup(&server.protocol, argv[optind]) != 0 ||
        evpl_protocol_is_stream(server.protocol)) {
        fprintf(stderr, "%s is no datagram protocol of this library\n", argv[optind]);
        return 2;
    }
    server.endpoint =
        evpl_endpoint_create(argv[optind + 1], argc - optind > 2 ? atoi(argv[optind + 2]) : 0);
    if (server.endpoint == NULL)
        return 2;
    if (serve && server_start(&server) != 0) {
        perror(argv[optind + 1]);
        status = 1;
    } else if (connect) {
        status = client_run(server.protocol, argv[optind], server.endpoint, messages);
    } else {
        printf("listening\n");
        fflush(stdout);
        sigwait(&signals, &number);
    }
    if (serve)
        server_stop(&server);
    evpl_endpoint_close(server.endpoint);
    return status;
}
