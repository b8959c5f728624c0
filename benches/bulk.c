// Bytes in one direction, from one thread to another, in writes of SIZE.
//
//     bulk WAY TRANSPORT SIZE [SECONDS]
//
// WAY is one of
//
//     raw        threads in blocking write and read, with buffers of SIZE at both ends; for the inproc
//                transports one thread that copies from one such buffer to 64 others in turn
//     event      evpl with poll mode off
//     default    evpl as it comes
//
// The sender gives its buffer by reference and keeps two of them queued, or 1 MiB inside the process,
// where there is no buffer of the kernel's between the threads. Buffers of SHARED memory are
// asked for by a SIZE that ends in "s", such as 65536s.
#include "transport.h"

#define WARM_UP_S 0.05
#define COPIES    64
#define IOVECS    16

static enum transport transport;
static size_t size;
static int shared;

static uint64_t started, measure_from, measure_to;
static double cpu_from;
static volatile int done;

// Counted at the receiving end, which says when it is over.
static unsigned long bytes;

static void received(size_t count)
{
    uint64_t now = now_ns();

    if (started == 0) {
        if (now < measure_from)
            return;
        started = now;
        cpu_from = process_cpu_s();
        return;
    }
    bytes += count;
    if (now < measure_to || done)
        return;
    figure("gb_per_s", bytes / (double) (now - started));
    figure("cpu_s_per_gb", (process_cpu_s() - cpu_from) * 1e9 / bytes);
    done = 1;
}

// The raw way.

static void *raw_sender(void *argument)
{
    int fd = *(int *) argument;
    char *buffer = malloc(size);

    pin(0);
    memset(buffer, 1, size);
    while (!done)
        if (send(fd, buffer, size, MSG_NOSIGNAL) < 0)
            break;
    free(buffer);
    return NULL;
}

static void raw_run(void)
{
    char *buffer = malloc(size);
    int sender, receiver;
    pthread_t thread;
    ssize_t n;

    if (transport == TCP)
        pair_tcp(&sender, &receiver);
    else
        pair_unix(&sender, &receiver);
    pthread_create(&thread, NULL, raw_sender, &sender);
    pin(1);
    while (!done && (n = recv(receiver, buffer, size, 0)) > 0)
        received(n);
    close(receiver);
    shutdown(sender, SHUT_RDWR);
    pthread_join(thread, NULL);
    free(buffer);
}

static void copy_run(void)
{
    char *from = malloc(size), *to[COPIES];
    int i;

    memset(from, 1, size);
    for (i = 0; i < COPIES; i++) {
        to[i] = malloc(size);
        memset(to[i], 0, size);
    }
    pin(0);
    for (i = 0; !done; i++) {
        memcpy(to[i % COPIES], from, size);
        __asm__ volatile("" : : "r"(to[i % COPIES]) : "memory");
        received(size);
    }
}

// The evpl ways.

static struct evpl_iovec buffer[IOVECS];
static int buffer_niov;
static unsigned long queued, queued_max;

static void receiver_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                           void *private_data)
{
    struct evpl_iovec iov[IOVECS];
    int n, length;

    (void) private_data;
    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA) {
        while ((n = evpl_recvv(evpl, bind, iov, IOVECS, 1 << 30, &length)) > 0) {
            evpl_iovecs_release(evpl, iov, n);
            received(length);
        }
    }
    if (notify->notify_type == EVPL_NOTIFY_RECV_MSG) {
        evpl_iovecs_release(evpl, notify->recv_msg.iovec, notify->recv_msg.niov);
        received(notify->recv_msg.length);
    }
}

static void sender_fill(struct evpl *evpl, struct evpl_bind *bind)
{
    for (; queued < queued_max; queued += size)
        evpl_sendv(evpl, bind, buffer, buffer_niov, size, 0);
}

static void sender_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                         void *private_data)
{
    (void) private_data;
    if (notify->notify_type == EVPL_NOTIFY_SENT)
        queued -= notify->sent.bytes;
    if (notify->notify_type == EVPL_NOTIFY_DISCONNECTED || done)
        evpl_stop(evpl);
    else
        sender_fill(evpl, bind);
}

static void evpl_run_all(int polling)
{
    struct evpl_thread_config *config = config_with_polling(polling);
    struct server server = { .transport = transport, .core = 1, .notify = receiver_event };
    struct evpl_bind *bind;
    struct evpl *evpl;
    int i;

    server_start(&server, config);
    pin(0);
    evpl = evpl_create(config);
    evpl_thread_config_release(config);
    buffer_niov = evpl_iovec_alloc(evpl, size, 0, IOVECS, shared ? EVPL_IOVEC_FLAG_SHARED : 0, buffer);
    if (buffer_niov < 0)
        die("evpl_iovec_alloc");
    for (i = 0; i < buffer_niov; i++)
        memset(evpl_iovec_data(&buffer[i]), 1, evpl_iovec_length(&buffer[i]));
    bind = evpl_connect(evpl, protocols[transport], NULL, server.endpoint, sender_event, NULL, NULL);
    if (bind == NULL)
        die("evpl_connect");
    evpl_bind_request_send_notifications(evpl, bind);
    evpl_run(evpl);
    evpl_iovecs_release(evpl, buffer, buffer_niov);
    evpl_destroy(evpl);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    double seconds = argc > 4 ? atof(argv[4]) : 0.4;
    char *end;

    if (argc < 4)
        return 2;
    give_up_after(seconds + 20);
    transport = transport_named(argv[2]);
    size = strtoul(argv[3], &end, 10);
    shared = *end == 's';
    queued_max = transport >= INPROC && size < 1 << 19 ? 1 << 20 : 2 * size;
    settings_for(transport);
    measure_from = now_ns() + WARM_UP_S * 1e9;
    measure_to = measure_from + seconds * 1e9;
    if (strcmp(argv[1], "event") == 0 || strcmp(argv[1], "default") == 0)
        evpl_run_all(argv[1][0] == 'd');
    else if (transport == TLS)
        return 2;
    else if (transport >= INPROC)
        copy_run();
    else
        raw_run();
    return 0;
}
