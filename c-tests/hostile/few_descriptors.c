// timeout: 60
// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_UNIX

// With 64 descriptors for everything, more connections are opened than there can be, again and again. Those that
// find no descriptor end as DISCONNECTED; once others close, every new connection works, and no descriptor is lost.

#include "hostile.h"
#include <sys/resource.h>

#define ROUNDS  5
#define CLIENTS 70
#define FEW     10

struct client {
    struct evpl_bind *bind;
    int connected, disconnected, received;
};

static struct client clients[CLIENTS];

static void
notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *event, void *private_data)
{
    struct client *client = private_data;
    char bytes[64];
    int got;

    switch (event->notify_type) {
    case EVPL_NOTIFY_CONNECTED:
        client->connected++;
        break;
    case EVPL_NOTIFY_RECV_DATA:
        while ((got = evpl_recv(evpl, bind, bytes, sizeof(bytes), 0)) > 0) {
            client->received += got;
        }
        break;
    case EVPL_NOTIFY_DISCONNECTED:
        CHECK_EQ(client->disconnected++, 0);
        client->bind = NULL;
        break;
    }
}

static int
count(int field_of_connected, int number)
{
    int sum = 0;

    for (int i = 0; i < number; i++) {
        sum += field_of_connected ? clients[i].connected : clients[i].disconnected;
    }
    return sum;
}

static int
answered(int number)
{
    for (int i = 0; i < number; i++) {
        if (clients[i].received < 5) {
            return 0;
        }
    }
    return 1;
}

static void
dial(struct flow *flow, int number)
{
    memset(clients, 0, sizeof(clients));
    for (int i = 0; i < number; i++) {
        clients[i].bind = evpl_connect(flow->evpl, flow->protocol, NULL, flow->endpoint, notify, NULL, &clients[i]);
        CHECK(clients[i].bind != NULL);
        evpl_send(flow->evpl, clients[i].bind, "hello", 5);
    }
}

static void
hang_up(struct flow *flow, int number)
{
    for (int i = 0; i < number; i++) {
        if (clients[i].bind) {
            evpl_close(flow->evpl, clients[i].bind);
        }
    }
    RUN_UNTIL(flow->evpl, count(0, number) == number, FLOW_WAIT_MS);
}

int
main(void)
{
    struct flow flow        = { 0 };
    struct counters servers = { 0 };
    struct rlimit limit     = { 64, 64 };
    int fds;

    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    server_start(&flow, &servers);
    fds = test_fd_count();
    for (int round = 0; round < ROUNDS; round++) {
        dial(&flow, CLIENTS);
        loop_idle(flow.evpl, 50);
        CHECK(count(0, CLIENTS) > 0 && count(1, CLIENTS) > FEW);
        hang_up(&flow, CLIENTS);

        dial(&flow, FEW);
        RUN_UNTIL(flow.evpl, answered(FEW), FLOW_WAIT_MS);
        CHECK_EQ(count(0, FEW), 0);
        hang_up(&flow, FEW);
        RUN_UNTIL(flow.evpl, servers.disconnected == servers.attached && test_fd_count() == fds, FLOW_WAIT_MS);
    }
    flow_end(&flow);
    return 0;
}
