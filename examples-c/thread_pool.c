// One listener, a pool of threads: each connection is accepted by the next thread in turn and
// stays with it, so that connection state needs no locks. Each answer names the thread.
//
//     thread_pool [-s] [-t THREADS] [-c CONNECTIONS] [ADDRESS PORT]
//
// With -s it serves until SIGTERM or SIGINT; otherwise it connects to itself and counts.
#include <evpl/evpl.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS_MAX     64
#define CONNECTIONS_MAX 1000

struct worker {
    int index;
    unsigned int connections;
    struct evpl_listener_binding *binding;
};

struct server {
    struct evpl_listener *listener;
    struct evpl_threadpool *pool;
    struct worker workers[THREADS_MAX];
    int nworkers;
};

static void worker_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                         void *private_data)
{
    struct worker *worker = private_data;
    char request[256], answer[64];
    int length;

    if (notify->notify_type != EVPL_NOTIFY_RECV_DATA)
        return;
    while (evpl_recv(evpl, bind, request, sizeof(request), 0) > 0) {
    }
    length = snprintf(answer, sizeof(answer), "%d\n", worker->index);
    evpl_send(evpl, bind, answer, length);
    evpl_finish(evpl, bind); // once the answer is out
}

static void worker_accept(struct evpl *evpl, struct evpl_bind *bind,
                          evpl_notify_callback_t *notify, evpl_segment_callback_t *segment,
                          void **conn_private_data, void *private_data)
{
    struct worker *worker = private_data;

    (void) evpl, (void) bind, (void) segment;
    worker->connections++;
    *notify = worker_event;
    *conn_private_data = worker;
}

// The threads of a pool start one after the other, so that taking the next worker needs no lock.
static void *worker_init(struct evpl *evpl, void *private_data)
{
    struct server *server = private_data;
    struct worker *worker = &server->workers[server->nworkers];

    worker->index = server->nworkers++;
    worker->binding = evpl_listener_attach(evpl, server->listener, worker_accept, worker);
    return worker; // the argument of worker_shutdown
}

static void worker_shutdown(struct evpl *evpl, void *private_data)
{
    struct worker *worker = private_data;

    evpl_listener_detach(evpl, worker->binding);
}

// The client side: many connections from one loop.

struct clients {
    int open, answered;
};

static void client_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                         void *private_data)
{
    struct clients *clients = private_data;
    char answer[64];

    switch (notify->notify_type) {
    case EVPL_NOTIFY_RECV_DATA:
        if (evpl_recv(evpl, bind, answer, sizeof(answer), 0) > 0)
            clients->answered++;
        break;
    case EVPL_NOTIFY_DISCONNECTED:
        clients->open--;
        break;
    }
}

static int clients_run(struct evpl_endpoint *endpoint, int count)
{
    struct evpl *evpl = evpl_create(NULL);
    struct clients clients = { 0 };
    int i;

    for (i = 0; i < count; i++) {
        struct evpl_bind *bind = evpl_connect(evpl, EVPL_STREAM_SOCKET_TCP, NULL, endpoint,
                                              client_event, NULL, &clients);

        if (bind != NULL) {
            clients.open++;
            evpl_send(evpl, bind, "who?\n", 5);
        }
    }
    while (clients.open > 0)
        evpl_continue(evpl);
    evpl_destroy(evpl);
    return clients.answered;
}

int main(int argc, char **argv)
{
    struct server server = { 0 };
    struct evpl_endpoint *endpoint;
    int serve_only = 0, threads = 4, connections = 16, answered = 0, option, i, number;
    const char *address;
    sigset_t signals;

    while ((option = getopt(argc, argv, "st:c:")) != -1) {
        switch (option) {
        case 's': serve_only = 1; break;
        case 't': threads = atoi(optarg); break;
        case 'c': connections = atoi(optarg); break;
        default: return 2;
        }
    }
    if (threads < 1 || threads > THREADS_MAX || connections < 1 || connections > CONNECTIONS_MAX)
        return 2;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    if (serve_only)
        sigprocmask(SIG_BLOCK, &signals, NULL); // before the first thread, which inherits it

    address = argc > optind ? argv[optind] : "127.0.0.1";
    endpoint = evpl_endpoint_create(address, argc > optind + 1 ? atoi(argv[optind + 1]) : 7000);
    server.listener = evpl_listener_create();
    server.pool =
        evpl_threadpool_create(NULL, threads, worker_init, worker_shutdown, &server);
    if (evpl_listen(server.listener, EVPL_STREAM_SOCKET_TCP, endpoint) != 0) {
        perror(address);
        return 1;
    }
    if (serve_only) {
        printf("listening\n");
        fflush(stdout);
        sigwait(&signals, &number);
    } else {
        answered = clients_run(endpoint, connections);
    }
    evpl_listener_destroy(server.listener);
    evpl_threadpool_destroy(server.pool);
    evpl_endpoint_close(endpoint);

    for (i = 0; i < server.nworkers; i++)
        printf("thread %d served %u connections\n", i, server.workers[i].connections);
    if (!serve_only)
        printf("%d of %d connections answered\n", answered, connections);
    return serve_only || answered == connections ? 0 : 1;
}
