// Connections inside the process in great number, and buffers that move between threads by reference.
//
//     inproc many TRANSPORT COUNT     COUNT connections open at once: memory, descriptors, time
//     inproc shared TRANSPORT RUNS    RUNS times two fresh loops, and SHARED buffers of all sizes from one
//                                     to the other; the addresses must be the same at both ends
#include "transport.h"

#define UNDER_WAY      1000
#define ECHO_EACH      1000
#define SHARED_BUFFERS 64
#define SHARED_MAX     (4 << 20)
#define IOVECS         8

static enum transport transport;
static unsigned long opened, echoed, seen, total;

// Many connections.

static void many_server_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                              void *private_data)
{
    char byte;

    (void) private_data;
    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA)
        while (evpl_recv(evpl, bind, &byte, 1, 0) > 0)
            evpl_send(evpl, bind, &byte, 1);
    if (notify->notify_type == EVPL_NOTIFY_RECV_MSG)
        evpl_sendv(evpl, bind, notify->recv_msg.iovec, notify->recv_msg.niov, notify->recv_msg.length,
                   EVPL_SEND_FLAG_TAKE_REF);
}

static void many_client_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                              void *private_data)
{
    char byte = 1;

    (void) private_data;
    switch (notify->notify_type) {
    case EVPL_NOTIFY_CONNECTED:
        if (opened++ % ECHO_EACH == 0)
            evpl_send(evpl, bind, &byte, 1);
        break;
    case EVPL_NOTIFY_RECV_DATA:
        while (evpl_recv(evpl, bind, &byte, 1, 0) > 0)
            echoed++;
        break;
    case EVPL_NOTIFY_RECV_MSG:
        evpl_iovecs_release(evpl, notify->recv_msg.iovec, notify->recv_msg.niov);
        echoed++;
        break;
    }
}

static void many(unsigned long count)
{
    struct server server = { .transport = transport, .core = -1, .notify = many_server_event };
    unsigned long started, echoes = (count + ECHO_EACH - 1) / ECHO_EACH;
    struct evpl *evpl;
    uint64_t from;
    double rss;
    int fds;

    server_start(&server, NULL);
    evpl = evpl_create(NULL);
    rss = rss_of(getpid());
    fds = open_descriptors();
    from = now_ns();
    for (started = 0; started < count; started++) {
        if (evpl_connect(evpl, protocols[transport], NULL, server.endpoint, many_client_event, NULL,
                         NULL) == NULL)
            die("evpl_connect");
        while (started + 1 - opened >= UNDER_WAY)
            evpl_continue(evpl);
    }
    while (opened < count || echoed < echoes)
        evpl_continue(evpl);
    figure("seconds", (now_ns() - from) / 1e9);
    figure("mib", (rss_of(getpid()) - rss) / (1 << 20));
    figure("process_mib", rss_of(getpid()) / (1 << 20));
    figure("descriptors", open_descriptors() - fds);
    _exit(0); // closing a million connections in order proves nothing here
}

// Shared buffers.

static const void *sent_data[SHARED_BUFFERS * IOVECS];
static int sent_niov, failed;

// Counts what arrived, and where each part of it lies, which must be where it was sent from.
static void shared_part(const struct evpl_iovec *iov)
{
    static unsigned long part;

    if (seen == 0)
        part = 0;
    if (part >= (unsigned long) sent_niov || evpl_iovec_data(iov) != sent_data[part])
        failed = 1;
    part++;
    seen += evpl_iovec_length(iov);
}

static void shared_server_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                                void *private_data)
{
    struct evpl_iovec iov[IOVECS];
    int i, n, arrived = 0;

    (void) private_data;
    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA) {
        while ((n = evpl_recvv(evpl, bind, iov, IOVECS, 1 << 30, NULL)) > 0) {
            for (i = 0; i < n; i++)
                shared_part(&iov[i]);
            evpl_iovecs_release(evpl, iov, n);
            arrived = 1;
        }
    }
    if (notify->notify_type == EVPL_NOTIFY_RECV_MSG) {
        for (i = 0; i < (int) notify->recv_msg.niov; i++)
            shared_part(&notify->recv_msg.iovec[i]);
        evpl_iovecs_release(evpl, notify->recv_msg.iovec, notify->recv_msg.niov);
        arrived = 1;
    }
    if (arrived && seen == total)
        evpl_send(evpl, bind, "", 1);
}

static void shared_client_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                                void *private_data)
{
    unsigned int *size = private_data;
    struct evpl_iovec iov[IOVECS];
    char byte;
    int b, i, n;

    switch (notify->notify_type) {
    case EVPL_NOTIFY_CONNECTED:
        for (b = 0; b < SHARED_BUFFERS; b++) {
            n = evpl_iovec_alloc(evpl, *size, 0, IOVECS, EVPL_IOVEC_FLAG_SHARED, iov);
            for (i = 0; i < n; i++)
                sent_data[sent_niov++] = evpl_iovec_data(&iov[i]);
            evpl_sendv(evpl, bind, iov, n, *size, EVPL_SEND_FLAG_TAKE_REF);
        }
        break;
    case EVPL_NOTIFY_RECV_DATA:
        if (evpl_recv(evpl, bind, &byte, 1, 0) == 1)
            evpl_stop(evpl);
        break;
    case EVPL_NOTIFY_RECV_MSG:
        evpl_iovecs_release(evpl, notify->recv_msg.iovec, notify->recv_msg.niov);
        evpl_stop(evpl);
        break;
    }
}

static void shared(int runs)
{
    double longest = 0;
    int run;

    for (run = 0; run < runs; run++) {
        struct server server = { .transport = transport, .core = -1, .notify = shared_server_event };
        unsigned int size = 1 + (run * 2654435761u) % (1u << run % 22) + (1u << run % 22);
        struct evpl_thread_config *config = config_with_polling(run % 2);
        uint64_t from = now_ns();
        struct evpl *evpl;

        give_up_after(10);
        size = size < SHARED_MAX ? size : SHARED_MAX;
        total = (unsigned long) SHARED_BUFFERS * size;
        seen = sent_niov = 0;
        server_start(&server, config);
        evpl = evpl_create(config);
        evpl_thread_config_release(config);
        evpl_connect(evpl, protocols[transport], NULL, server.endpoint, shared_client_event, NULL, &size);
        evpl_run(evpl);
        evpl_destroy(evpl);
        server_stop(&server);
        if ((now_ns() - from) / 1e6 > longest)
            longest = (now_ns() - from) / 1e6;
    }
    figure("runs", runs);
    figure("copied_runs", failed);
    figure("longest_ms", longest);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    give_up_after(60);
    transport = transport_named(argv[2]);
    if (strcmp(argv[1], "many") == 0)
        many(atol(argv[3]));
    else
        shared(atoi(argv[3]));
    return 0;
}
