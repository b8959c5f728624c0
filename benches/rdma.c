// One-sided operations: one thread reads, or writes, memory that another one offers, four at a time.
//
//     rdma read|write TRANSPORT SIZE [SECONDS]
//
// TRANSPORT is tcp-rdma or inproc-msg; loops run with poll mode off. As in bulk.c, operations inside the process
// go to 64 places in turn, which is what its floor does; over TCP they go to four.
#include "transport.h"

#define WARM_UP_S 0.05
#define PLACES    64
#define UNDER_WAY 4

struct offer {
    uint64_t address;
    uint32_t key;
};

static enum transport transport;
static int writing, places;
static unsigned int size;
static struct evpl_iovec far[PLACES], near[PLACES];
static struct offer offers[PLACES];

static struct evpl *client;
static struct evpl_bind *client_bind;
static uint64_t started, measure_from, measure_to;
static unsigned long bytes, turns;
static double cpu_from;

static void allocate(struct evpl *evpl, struct evpl_iovec *iovecs, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        if (evpl_iovec_alloc(evpl, size, 0, 1, EVPL_IOVEC_FLAG_SHARED, &iovecs[i]) != 1)
            die("evpl_iovec_alloc");
        memset(evpl_iovec_data(&iovecs[i]), 1, size);
    }
}

static void start(void);

static void on_done(int status, void *private_data)
{
    uint64_t now = now_ns();

    (void) private_data;
    if (measure_to == UINT64_MAX) // what was under way at the end
        return;
    if (status != 0)
        die("an operation failed");
    if (started == 0 && now >= measure_from) {
        started = now;
        cpu_from = process_cpu_s();
    } else if (started != 0) {
        bytes += size;
    }
    if (now < measure_to || bytes == 0) {
        start();
        return;
    }
    figure("gb_per_s", bytes / (double) (now - started));
    figure("cpu_s_per_gb", (process_cpu_s() - cpu_from) * 1e9 / bytes);
    measure_to = UINT64_MAX;
    evpl_stop(client);
}

static void start(void)
{
    int turn = turns++ % places;

    if (writing)
        evpl_rdma_write(client, client_bind, offers[turn].key, offers[turn].address, &near[0], 1, 0, on_done, NULL);
    else
        evpl_rdma_read(client, client_bind, offers[0].key, offers[0].address, &near[turn], 1, on_done, NULL);
}

static void on_client(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify, void *private_data)
{
    int i;

    (void) private_data;
    if (notify->notify_type == EVPL_NOTIFY_DISCONNECTED && measure_to != UINT64_MAX)
        die("the connection broke");
    if (notify->notify_type != EVPL_NOTIFY_RECV_MSG)
        return;
    evpl_iovecs_release(evpl, notify->recv_msg.iovec, notify->recv_msg.niov);
    client_bind = bind;
    for (i = 0; i < UNDER_WAY; i++)
        start();
}

static void on_server(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify, void *private_data)
{
    int i;

    (void) private_data;
    switch (notify->notify_type) {
    case EVPL_NOTIFY_CONNECTED:
        allocate(evpl, far, places);
        for (i = 0; i < places; i++)
            evpl_rdma_get_address(evpl, bind, &far[i], &offers[i].key, &offers[i].address);
        evpl_send(evpl, bind, "go", 2);
        break;
    case EVPL_NOTIFY_RECV_MSG:
        evpl_iovecs_release(evpl, notify->recv_msg.iovec, notify->recv_msg.niov);
        break;
    case EVPL_NOTIFY_DISCONNECTED:
        evpl_iovecs_release(evpl, far, places);
        break;
    }
}

int main(int argc, char **argv)
{
    struct evpl_thread_config *config = config_with_polling(0);
    struct server server = { .core = 1, .notify = on_server };
    double seconds = argc > 4 ? atof(argv[4]) : 0.4;

    if (argc < 4)
        return 2;
    give_up_after(seconds + 20);
    writing = strcmp(argv[1], "write") == 0;
    transport = server.transport = transport_named(argv[2]);
    places = transport == INPROC_MSG ? PLACES : UNDER_WAY;
    size = strtoul(argv[3], NULL, 10);
    measure_from = now_ns() + WARM_UP_S * 1e9;
    measure_to = measure_from + seconds * 1e9;
    server_start(&server, config);
    pin(0);
    client = evpl_create(config);
    evpl_thread_config_release(config);
    allocate(client, near, places);
    if (evpl_connect(client, protocols[transport], NULL, server.endpoint, on_client, NULL, NULL) == NULL)
        die("evpl_connect");
    evpl_run(client);
    evpl_iovecs_release(client, near, places);
    evpl_destroy(client);
    server_stop(&server);
    return 0;
}
