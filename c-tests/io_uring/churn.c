// protocols: STREAM_IO_URING_TCP STREAM_SOCKET_TCP
// timeout: 60

// A thousand connections on a ring of eight entries and few small buffers: each echoes random sizes in
// order, and ends by close, finish or a reset of its peer while bytes are under way; new ones follow. Nothing
// hangs, is lost, comes out of order, or leaves a descriptor or memory behind. In event mode the loop runs on, in
// the other one pass at a time.

#include "../bind/flow.h"
#include <sys/resource.h>

#define CONNECTIONS 1000
#define LIVES       1500
#define MESSAGE_MAX 6000

struct client {
    struct evpl_bind *bind;
    uint64_t sent, received, goal;
    int ends_early;
};

static struct client clients[CONNECTIONS];
static struct flow flow;
static int lives, ended, complete, servers_open;
static uint32_t seed = 4242;

static uint32_t
roll(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static void
client_send(struct client *client)
{
    static unsigned char bytes[MESSAGE_MAX];
    size_t length = 1 + roll(roll(4) == 0 ? MESSAGE_MAX : 200);

    if (length > client->goal - client->sent) {
        length = client->goal - client->sent;
    }
    if (length > 0) {
        pattern_fill(bytes, length, client->sent);
        evpl_send(flow.evpl, client->bind, bytes, (unsigned int) length);
        client->sent += length;
    }
}

static void client_dial(struct client *client);

static void
stop_if_over(void)
{
    if (ended == LIVES && servers_open == 0) {
        evpl_stop(flow.evpl);
    }
}

static void
client_notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify, void *private_data)
{
    struct client *client = private_data;
    char bytes[8192];
    int got;

    CHECK(client->bind == bind);
    switch (notify->notify_type) {
    case EVPL_NOTIFY_CONNECTED:
        client_send(client);
        client_send(client);
        break;
    case EVPL_NOTIFY_RECV_DATA:
        while ((got = evpl_recv(evpl, bind, bytes, sizeof(bytes), 0)) > 0) {
            CHECK(pattern_matches(bytes, (size_t) got, client->received));
            client->received += (uint64_t) got;
        }
        CHECK(client->received <= client->sent);
        if (client->ends_early && client->received > client->goal / 2) {
            evpl_close(evpl, bind);
        } else if (client->received == client->goal) {
            evpl_finish(evpl, bind);
        } else {
            client_send(client);
        }
        break;
    case EVPL_NOTIFY_DISCONNECTED:
        complete += client->received == client->goal;
        CHECK(client->ends_early || client->received == client->goal);
        ended++;
        client->bind = NULL;
        if (lives < LIVES) {
            client_dial(client);
        }
        stop_if_over();
        break;
    }
}

static void
client_dial(struct client *client)
{
    lives++;
    memset(client, 0, sizeof(*client));
    client->goal       = 1 + roll(20000);
    client->ends_early = roll(3) == 0;
    client->bind       = evpl_connect(flow.evpl, flow.protocol, NULL, flow.endpoint, client_notify, NULL, client);
    CHECK(client->bind != NULL);
}

static void
server_notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify, void *private_data)
{
    struct evpl_iovec iovecs[16];
    int count, length;

    (void) private_data;
    if (notify->notify_type == EVPL_NOTIFY_CONNECTED) {
        servers_open++;
    } else if (notify->notify_type == EVPL_NOTIFY_DISCONNECTED) {
        servers_open--;
        stop_if_over();
    } else if (notify->notify_type == EVPL_NOTIFY_RECV_DATA) {
        while ((count = evpl_recvv(evpl, bind, iovecs, 16, 1 << 20, &length)) > 0) {
            evpl_sendv(evpl, bind, iovecs, count, length, EVPL_SEND_FLAG_TAKE_REF);
        }
    }
}

static void
attach(struct evpl *evpl, struct evpl_bind *bind, evpl_notify_callback_t *notify, evpl_segment_callback_t *segment,
       void **conn_private, void *private_data)
{
    (void) evpl, (void) bind, (void) segment, (void) conn_private, (void) private_data;
    *notify = server_notify;
}

int
main(void)
{
    struct evpl_global_config *config = test_config();
    struct rusage usage;
    int fds;

    evpl_global_config_set_io_uring_entries(config, 8);
    evpl_global_config_set_buffer_size(config, 65536);
    evpl_global_config_set_slab_size(config, 64 << 20);
    flow.config = config;
    flow_init(&flow);
    flow.evpl     = test_evpl();
    flow.endpoint = flow_endpoint(&flow);
    flow.listener = evpl_listener_create();
    flow.binding  = evpl_listener_attach(flow.evpl, flow.listener, attach, NULL);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);
    fds = test_fd_count();
    for (int i = 0; i < CONNECTIONS; i++) {
        client_dial(&clients[i]);
    }
    if (test_event_mode()) {
        evpl_run(flow.evpl);
    }
    RUN_UNTIL(flow.evpl, ended == LIVES && servers_open == 0, 50000);
    CHECK(complete > LIVES / 2);
    CHECK(test_fd_count() <= fds + 4);
    getrusage(RUSAGE_SELF, &usage);
    CHECK(usage.ru_maxrss < 400 << 10);
    flow_end(&flow);
    return 0;
}
