// Connections of STREAM_SOCKET_TLS.
//
//     tls handshakes [SECONDS]     four at a time between two threads: connect, shake hands, close
//     tls idle COUNT               so many at once, both ends in this process, and what each takes
#include "transport.h"

#define WARM_UP_S 0.05
#define WARM_UP   32
#define UNDER_WAY 32

static int connected, disconnected, over;

// Four at a time.

#define HANDSHAKES_UNDER_WAY 4

static struct server server = { .transport = TLS, .core = 1 };
static double seconds = 0.25, cpu_from;
static uint64_t measure_from, started;
static unsigned long handshakes;

static void server_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                         void *private_data)
{
    (void) evpl, (void) bind, (void) notify, (void) private_data;
}

static void client_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                         void *private_data)
{
    uint64_t now;

    (void) private_data;
    if (notify->notify_type == EVPL_NOTIFY_CONNECTED)
        evpl_close(evpl, bind);
    if (notify->notify_type != EVPL_NOTIFY_DISCONNECTED)
        return;
    if (over)
        return;
    now = now_ns();
    if (started == 0) {
        if (now >= measure_from) {
            started = now;
            cpu_from = process_cpu_s();
        }
    } else if (handshakes++, now - started >= seconds * 1e9) {
        over = 1;
        figure("cpu_us_per_handshake", (process_cpu_s() - cpu_from) * 1e6 / handshakes);
        figure("handshakes_per_s", handshakes * 1e9 / (now - started));
        evpl_stop(evpl);
        return;
    }
    if (evpl_connect(evpl, EVPL_STREAM_SOCKET_TLS, NULL, server.endpoint, client_event, NULL, NULL) ==
        NULL)
        die("evpl_connect");
}

static void run_handshakes(void)
{
    struct evpl_thread_config *config = config_with_polling(0);
    struct evpl *evpl;
    int i;

    server.notify = server_event;
    server_start(&server, config);
    pin(0);
    evpl = evpl_create(config);
    evpl_thread_config_release(config);
    measure_from = now_ns() + WARM_UP_S * 1e9;
    for (i = 0; i < HANDSHAKES_UNDER_WAY; i++)
        if (evpl_connect(evpl, EVPL_STREAM_SOCKET_TLS, NULL, server.endpoint, client_event, NULL,
                         NULL) == NULL)
            die("evpl_connect");
    evpl_run(evpl);
    evpl_destroy(evpl);
    server_stop(&server);
}

// Many at once.

static void idle_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                       void *private_data)
{
    (void) evpl, (void) bind, (void) private_data;
    connected += notify->notify_type == EVPL_NOTIFY_CONNECTED;
    disconnected += notify->notify_type == EVPL_NOTIFY_DISCONNECTED;
}

static void open_some(struct evpl *evpl, struct evpl_endpoint *endpoint, int count)
{
    int i, before = connected;

    for (i = 0; i < count; i++) {
        if (evpl_connect(evpl, EVPL_STREAM_SOCKET_TLS, NULL, endpoint, idle_event, NULL, NULL) == NULL)
            die("evpl_connect");
        while (before + 2 * (i + 1) - connected >= 2 * UNDER_WAY)
            evpl_continue(evpl);
    }
    while (connected < before + 2 * count)
        evpl_continue(evpl);
}

static void run_idle(int count)
{
    struct evpl_thread_config *config = config_with_polling(0);
    struct server own = { .notify = idle_event };
    struct evpl_endpoint *endpoint = evpl_endpoint_create("127.0.0.1", free_port(SOCK_STREAM));
    struct evpl_listener *listener = evpl_listener_create();
    struct evpl_listener_binding *binding;
    struct evpl *evpl;
    uint64_t from;
    double before;

    descriptors_to_the_limit();
    evpl_thread_config_set_wait_ms(config, 10);
    evpl = evpl_create(config);
    evpl_thread_config_release(config);
    binding = evpl_listener_attach(evpl, listener, server_accept, &own);
    if (evpl_listen(listener, EVPL_STREAM_SOCKET_TLS, endpoint) != 0)
        die("evpl_listen");
    open_some(evpl, endpoint, WARM_UP);
    before = rss_of(getpid());
    from = now_ns();
    open_some(evpl, endpoint, count);
    figure("connections", connected / 2 - WARM_UP);
    figure("seconds", (now_ns() - from) / 1e9);
    // Tickets are still under way.
    for (from = now_ns(); now_ns() - from < 300000000;)
        evpl_continue(evpl);
    figure("disconnected", disconnected);
    figure("bytes_per_end", (rss_of(getpid()) - before) / (2.0 * count));
    evpl_listener_detach(evpl, binding);
    evpl_listener_destroy(listener);
    evpl_endpoint_close(endpoint);
    evpl_destroy(evpl);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    give_up_after(60);
    settings_for(TLS);
    if (strcmp(argv[1], "handshakes") == 0) {
        if (argc > 2)
            seconds = atof(argv[2]);
        run_handshakes();
    } else if (strcmp(argv[1], "idle") == 0 && argc > 2) {
        run_idle(atoi(argv[2]));
    } else {
        return 2;
    }
    return 0;
}
