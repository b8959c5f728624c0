// The resident memory that each end of a connection takes: opens COUNT connections to an echo server in
// another process, has BYTES echoed on each, and closes them.
//
//     memory PORT|uring:PORT|rdma:PORT|@NAME COUNT BYTES SERVER_PID
//
// The server is echo_evpl, so that both processes are measured. A few connections with the same traffic
// come and go first: what a loop needs once is not counted.
#include "address.h"
#include "bench.h"

#define WARM_UP     32
#define WARM_UP_ROUNDS 8
#define UNDER_WAY   32
#define SETTLE_NS   300000000ULL
#define COUNT_LIMIT 20000

struct connection {
    struct evpl_bind *bind;
    long left;
};

static struct connection connections[COUNT_LIMIT];
static int connected, disconnected, echoed;
static char *message;
static int message_length;

static void on_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify, void *arg)
{
    struct connection *connection = arg;
    struct evpl_iovec iov[16];
    int n, length;

    switch (notify->notify_type) {
    case EVPL_NOTIFY_CONNECTED: connected++; break;
    case EVPL_NOTIFY_DISCONNECTED: disconnected++; break;
    case EVPL_NOTIFY_RECV_DATA:
        while ((n = evpl_recvv(evpl, bind, iov, 16, 1 << 20, &length)) > 0) {
            evpl_iovecs_release(evpl, iov, n);
            connection->left -= length;
            if (connection->left == 0)
                echoed++;
        }
        break;
    case EVPL_NOTIFY_RECV_MSG:
        evpl_iovecs_release(evpl, notify->recv_msg.iovec, notify->recv_msg.niov);
        connection->left -= notify->recv_msg.length;
        echoed += connection->left == 0;
        break;
    }
}

static void settle(struct evpl *evpl)
{
    uint64_t until = now_ns() + SETTLE_NS;

    while (now_ns() < until)
        evpl_continue(evpl);
}

static void open_all(struct evpl *evpl, const char *name, int count)
{
    struct evpl_endpoint *endpoint = address_endpoint(name);
    int i;

    connected = disconnected = 0;
    for (i = 0; i < count; i++) {
        connections[i].bind =
            evpl_connect(evpl, address_protocol(name), NULL, endpoint, on_event, NULL, &connections[i]);
        while (i + 1 - connected >= UNDER_WAY)
            evpl_continue(evpl);
    }
    while (connected < count)
        evpl_continue(evpl);
    evpl_endpoint_close(endpoint);
    settle(evpl);
}

static void echo_all(struct evpl *evpl, int count)
{
    int i;

    echoed = 0;
    for (i = 0; i < count; i++) {
        connections[i].left = message_length;
        evpl_send(evpl, connections[i].bind, message, message_length);
        while (i + 1 - echoed >= UNDER_WAY)
            evpl_continue(evpl);
    }
    while (echoed < count)
        evpl_continue(evpl);
    settle(evpl);
}

static void close_all(struct evpl *evpl, int count)
{
    int i;

    for (i = 0; i < count; i++)
        evpl_close(evpl, connections[i].bind);
    while (disconnected < count)
        evpl_continue(evpl);
    settle(evpl);
}

int main(int argc, char **argv)
{
    struct evpl_thread_config *config = evpl_thread_config_init();
    double client, server;
    struct evpl *evpl;
    int count, pid, i;

    if (argc < 5)
        return 2;
    count = atoi(argv[2]);
    message_length = atoi(argv[3]);
    message = calloc(1, message_length);
    pid = atoi(argv[4]);
    if (count > COUNT_LIMIT)
        return 2;
    give_up_after(60);
    descriptors_to_the_limit();
    memset(connections, 0, sizeof(connections));
    evpl_thread_config_set_poll_mode(config, 0);
    evpl_thread_config_set_wait_ms(config, 10);
    evpl = evpl_create(config);
    evpl_thread_config_release(config);
    open_all(evpl, argv[1], WARM_UP);
    for (i = 0; i < WARM_UP_ROUNDS; i++)
        echo_all(evpl, WARM_UP);
    close_all(evpl, WARM_UP);

    client = rss_of(getpid());
    server = rss_of(pid);
    open_all(evpl, argv[1], count);
    figure("client_fresh", (rss_of(getpid()) - client) / count);
    figure("server_fresh", (rss_of(pid) - server) / count);
    echo_all(evpl, count);
    figure("client_used", (rss_of(getpid()) - client) / count);
    figure("server_used", (rss_of(pid) - server) / count);
    close_all(evpl, count);
    figure("closed", disconnected);
    evpl_destroy(evpl);
    return 0;
}
