// The two ends of one evpl flow inside a process, for rtt.c and bulk.c: a server on a thread of its own,
// and the client's endpoint and loop.
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include <evpl/evpl.h>

#include "bench.h"

enum transport { TCP, URING, UDP, UNIX, TLS, TCP_RDMA, INPROC, INPROC_MSG, TRANSPORTS };

static const char *const transport_names[] = { "tcp", "uring", "udp", "unix", "tls", "tcp-rdma", "inproc",
                                               "inproc-msg" };
static const enum evpl_protocol_id protocols[] = { EVPL_STREAM_SOCKET_TCP, EVPL_STREAM_IO_URING_TCP,
                                                   EVPL_DATAGRAM_SOCKET_UDP, EVPL_STREAM_SOCKET_UNIX,
                                                   EVPL_STREAM_SOCKET_TLS, EVPL_DATAGRAM_TCP_RDMA,
                                                   EVPL_STREAM_INPROC, EVPL_DATAGRAM_INPROC };

struct server {
    enum transport transport;
    int core;
    struct evpl_endpoint *endpoint;
    struct evpl_listener *listener;
    struct evpl_listener_binding *binding;
    struct evpl_thread *thread;
    evpl_notify_callback_t notify;
    void *private_data;
};

static inline enum transport transport_named(const char *name)
{
    int t;

    for (t = 0; t < TRANSPORTS; t++)
        if (strcmp(name, transport_names[t]) == 0)
            return t;
    fprintf(stderr, "no transport %s\n", name);
    exit(2);
}

static int free_port(int type)
{
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, type, 0);

    if (bind(fd, (struct sockaddr *) &address, length) != 0 ||
        getsockname(fd, (struct sockaddr *) &address, &length) != 0)
        die("port");
    close(fd);
    return ntohs(address.sin_port);
}

static void server_accept(struct evpl *evpl, struct evpl_bind *bind,
                          evpl_notify_callback_t *notify, evpl_segment_callback_t *segment,
                          void **conn_private_data, void *private_data)
{
    struct server *server = private_data;

    (void) evpl, (void) bind, (void) segment;
    *notify = server->notify;
    *conn_private_data = server->private_data;
}

static void *server_init(struct evpl *evpl, void *private_data)
{
    struct server *server = private_data;

    pin(server->core);
    if (server->listener != NULL)
        server->binding = evpl_listener_attach(evpl, server->listener, server_accept, server);
    else if (evpl_bind(evpl, protocols[server->transport], server->endpoint, server->notify,
                       server->private_data) == NULL)
        die("evpl_bind");
    return server;
}

static void server_shutdown(struct evpl *evpl, void *private_data)
{
    struct server *server = private_data;

    if (server->listener != NULL)
        evpl_listener_detach(evpl, server->binding);
}

// `server` has transport, core, notify and private_data set.
static void server_start(struct server *server, struct evpl_thread_config *config)
{
    static int serial;
    char name[64];

    switch (server->transport) {
    case TCP:
    case URING:
    case TLS:
    case TCP_RDMA: server->endpoint = evpl_endpoint_create("127.0.0.1", free_port(SOCK_STREAM)); break;
    case UDP: server->endpoint = evpl_endpoint_create("127.0.0.1", free_port(SOCK_DGRAM)); break;
    default:
        snprintf(name, sizeof(name), "%s-bench-%d-%d",
                 server->transport == UNIX ? "@evpl" : "inproc://evpl", (int) getpid(), serial++);
        server->endpoint = evpl_endpoint_create(name, 0);
    }
    server->listener = server->transport == UDP ? NULL : evpl_listener_create();
    server->thread = evpl_thread_create(config, server_init, server_shutdown, server);
    if (server->listener != NULL &&
        evpl_listen(server->listener, protocols[server->transport], server->endpoint) != 0)
        die("evpl_listen");
}

static void server_stop(struct server *server)
{
    if (server->listener != NULL)
        evpl_listener_destroy(server->listener);
    evpl_thread_destroy(server->thread);
    evpl_endpoint_close(server->endpoint);
}

// Before anything else of the library. With TLS the figures are those of the library's own records, not
// the kernel's. The environment names a certificate; without it one is generated, which takes its time.
static inline void settings_for(enum transport transport)
{
    struct evpl_global_config *config;

    if (transport != TLS)
        return;
    config = evpl_global_config_init();
    evpl_global_config_set_tls_verify_peer(config, 0);
    evpl_global_config_set_tls_ktls_enabled(config, 0);
    evpl_global_config_set_tls_cert(config, getenv("EVPL_BENCH_CERT"));
    evpl_global_config_set_tls_key(config, getenv("EVPL_BENCH_KEY"));
    evpl_init(config);
}

static inline struct evpl_thread_config *config_with_polling(int polling)
{
    struct evpl_thread_config *config = evpl_thread_config_init();

    evpl_thread_config_set_poll_mode(config, polling);
    return config;
}

#endif
