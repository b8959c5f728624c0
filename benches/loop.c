// The loop itself.
//
//     loop timers COUNT       nanoseconds to add, remove and fire one of COUNT timers
//     loop doorbells COUNT    rings from another thread: time, and growth of the process
//     loop deferrals COUNT    the same for deferrals
//     loop idle SECONDS [TRANSPORT]
//                             processor time of two connected loops, as they come, after their traffic
#include "transport.h"

#include <stdatomic.h>

static struct evpl *evpl;

// Timers: all are added, every other one is removed, the rest fires.

#define DELAY_MAX_US 10000

static unsigned long fired, to_fire;

static void on_timer(struct evpl *loop, struct evpl_timer *timer)
{
    (void) timer;
    // A pass that fired the last one would go on to sleep.
    if (++fired == to_fire)
        evpl_stop(loop);
}

static void timers(unsigned long count)
{
    struct evpl_timer *all = calloc(count, sizeof(*all));
    unsigned long i, random = 1;
    struct timespec all_due = { 0, DELAY_MAX_US * 1000L };
    uint64_t from;

    memset(all, 1, count * sizeof(*all));
    from = now_ns();
    for (i = 0; i < count; i++) {
        random = random * 6364136223846793005UL + 1442695040888963407UL;
        evpl_add_oneshot_timer(evpl, &all[i], on_timer, (random >> 33) % DELAY_MAX_US);
    }
    figure("add_ns", (double) (now_ns() - from) / count);
    from = now_ns();
    for (i = 0; i < count; i += 2)
        evpl_remove_timer(evpl, &all[i]);
    figure("remove_ns", (double) (now_ns() - from) / ((count + 1) / 2));
    nanosleep(&all_due, NULL);
    from = now_ns();
    to_fire = count / 2;
    evpl_run(evpl);
    figure("fire_ns", (double) (now_ns() - from) / (count / 2));
    free(all);
}

// Doorbells. The ringing thread waits now and then, so that rings are seen and not only counted.

static struct evpl_doorbell doorbell;
static atomic_ulong rung;
static unsigned long to_ring, doorbell_calls;

static void on_doorbell(struct evpl *loop, struct evpl_doorbell *which)
{
    (void) loop, (void) which;
    doorbell_calls++;
}

static void *ringer(void *argument)
{
    (void) argument;
    while (atomic_load(&rung) < to_ring) {
        evpl_ring_doorbell(&doorbell);
        atomic_fetch_add(&rung, 1);
    }
    evpl_ring_doorbell(&doorbell);
    return NULL;
}

static void ring(unsigned long count)
{
    pthread_t thread;

    atomic_store(&rung, 0);
    to_ring = count;
    pthread_create(&thread, NULL, ringer, NULL);
    while (atomic_load(&rung) < count)
        evpl_continue(evpl);
    pthread_join(thread, NULL);
}

static void doorbells(unsigned long count)
{
    uint64_t from;
    double rss;

    evpl_add_doorbell(evpl, &doorbell, on_doorbell);
    ring(count / 10);
    rss = rss_of(getpid());
    from = now_ns();
    ring(count);
    figure("ns", (double) (now_ns() - from) / count);
    figure("growth", rss_of(getpid()) - rss);
    figure("calls", doorbell_calls);
    evpl_remove_doorbell(evpl, &doorbell);
}

// Deferrals: each call arms a hundred others.

#define DEFERRALS 100

static struct evpl_deferral deferrals[DEFERRALS];
static unsigned long deferred;

static void on_deferral(struct evpl *loop, void *private_data)
{
    (void) loop, (void) private_data;
    deferred++;
}

static void defer(unsigned long count)
{
    int i;

    for (deferred = 0; deferred < count;) {
        for (i = 0; i < DEFERRALS; i++)
            evpl_defer(evpl, &deferrals[i]);
        evpl_continue(evpl);
    }
}

static void deferrals_run(unsigned long count)
{
    uint64_t from;
    double rss;
    int i;

    for (i = 0; i < DEFERRALS; i++)
        evpl_deferral_init(&deferrals[i], on_deferral, NULL);
    defer(count / 10);
    rss = rss_of(getpid());
    from = now_ns();
    defer(count);
    figure("ns", (double) (now_ns() - from) / count);
    figure("growth", rss_of(getpid()) - rss);
}

// Idle.

#define ROUND_TRIPS    2000
#define SPIN_IS_OVER_S 0.2

static int returned;

static void idle_server_event(struct evpl *loop, struct evpl_bind *bind, struct evpl_notify *notify,
                              void *private_data)
{
    char byte;

    (void) private_data;
    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA)
        while (evpl_recv(loop, bind, &byte, 1, 0) > 0)
            evpl_send(loop, bind, &byte, 1);
}

static void idle_client_event(struct evpl *loop, struct evpl_bind *bind, struct evpl_notify *notify,
                              void *private_data)
{
    char byte = 1;

    (void) private_data;
    if (notify->notify_type == EVPL_NOTIFY_CONNECTED)
        evpl_send(loop, bind, &byte, 1);
    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA && evpl_recv(loop, bind, &byte, 1, 0) > 0 &&
        ++returned < ROUND_TRIPS)
        evpl_send(loop, bind, &byte, 1);
}

static void *idle_client(void *argument)
{
    (void) argument;
    evpl_run(evpl);
    return NULL;
}

static void idle(double seconds, enum transport transport)
{
    struct server server = { .transport = transport, .core = -1, .notify = idle_server_event };
    struct timespec rest = { seconds, (seconds - (long) seconds) * 1e9 };
    struct timespec spin = { 0, SPIN_IS_OVER_S * 1e9 };
    pthread_t thread;
    double cpu;
    uint64_t from;

    server_start(&server, NULL);
    evpl_connect(evpl, protocols[transport], NULL, server.endpoint, idle_client_event, NULL, NULL);
    pthread_create(&thread, NULL, idle_client, NULL);
    while (*(volatile int *) &returned < ROUND_TRIPS)
        nanosleep(&spin, NULL);
    nanosleep(&spin, NULL);
    cpu = cpu_s_of(getpid());
    from = now_ns();
    nanosleep(&rest, NULL);
    figure("cpu_percent", (cpu_s_of(getpid()) - cpu) * 1e11 / (now_ns() - from));
    evpl_stop(evpl);
    pthread_join(thread, NULL);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    struct evpl_thread_config *config;

    if (argc < 3)
        return 2;
    give_up_after(60);
    config = config_with_polling(strcmp(argv[1], "idle") == 0);
    evpl = evpl_create(config);
    evpl_thread_config_release(config);
    if (strcmp(argv[1], "timers") == 0)
        timers(atol(argv[2]));
    else if (strcmp(argv[1], "doorbells") == 0)
        doorbells(atol(argv[2]));
    else if (strcmp(argv[1], "deferrals") == 0)
        deferrals_run(atol(argv[2]));
    else
        idle(atof(argv[2]), argc > 3 ? transport_named(argv[3]) : TCP);
    evpl_destroy(evpl);
    return 0;
}
