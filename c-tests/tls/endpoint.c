// SPDX-License-Identifier: MIT OR Apache-2.0

// One end of a TLS connection, for run.py, which plays or starts the other. What happens is told on
// standard output, a line each.
//
//     endpoint server PORT          echoes what every connection sends, until it is killed
//     endpoint client PORT BYTES    sends so many bytes, checks their echo, finishes; TLS_REPEAT times
//     endpoint quiet PORT           connects and only listens; a line on standard input finishes
//     endpoint stalled PORT         a peer that stops in its hello, and a clock that is moved by hand
//     endpoint idle PORT COUNT      so many connections within the process, and what each of them costs
//
// The environment holds the settings: TLS_CERT, TLS_KEY, TLS_CA, TLS_CIPHERS, TLS_VERIFY, TLS_KTLS,
// TLS_ALPN, a list with commas, and those of evpl_ext.h; TLS_HOST and TLS_NAME are of the endpoint.

#include "../test.h"

#include <evpl/evpl_ext.h>

#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#define PERIOD 65521
#define AHEAD  (4u << 20)

void evpl_tls_set_alpn_protocols(const char *const *protocols, int count);
int evpl_tls_get_alpn(struct evpl_bind *bind, char *text, int length);

static uint64_t total, sent, checked, received;
static int attached, connected, disconnected, client, finished;
static unsigned char table[2 * PERIOD];

static void
say(const char *what, struct evpl_bind *bind)
{
    char name[32];
    int length = evpl_tls_get_alpn(bind, name, sizeof(name));

    printf("%s alpn=%.*s received=%llu\n", what, length, name, (unsigned long long) received);
    fflush(stdout);
}

static void
feed(struct evpl *evpl, struct evpl_bind *bind)
{
    while (sent < total && sent - checked < AHEAD) {
        unsigned int step = total - sent < 50000 ? (unsigned int) (total - sent) : 50000;

        evpl_send(evpl, bind, table + sent % PERIOD, step);
        sent += step;
    }
    if (total > 0 && checked == total && !finished) {
        finished = 1;
        evpl_finish(evpl, bind);
    }
}

static void
notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *event, void *unused)
{
    unsigned char bytes[65536];
    int got;

    (void) unused;
    switch (event->notify_type) {
    case EVPL_NOTIFY_CONNECTED:
        connected++;
        say("connected", bind);
        if (client) {
            feed(evpl, bind);
        }
        break;
    case EVPL_NOTIFY_DISCONNECTED:
        disconnected++;
        say("disconnected", bind);
        break;
    case EVPL_NOTIFY_RECV_DATA:
        while ((got = evpl_recv(evpl, bind, bytes, PERIOD, 0)) > 0) {
            received += (uint64_t) got;
            if (!client) {
                evpl_send(evpl, bind, bytes, (unsigned int) got);
            } else if (total > 0) {
                CHECK(memcmp(bytes, table + checked % PERIOD, (size_t) got) == 0);
                checked += (uint64_t) got;
            }
        }
        if (client) {
            feed(evpl, bind);
        }
        break;
    }
}

static void
attach(struct evpl *evpl, struct evpl_bind *bind, evpl_notify_callback_t *callback,
       evpl_segment_callback_t *segment, void **conn_private, void *unused)
{
    (void) evpl;
    (void) bind;
    (void) segment;
    (void) conn_private;
    (void) unused;
    attached++;
    *callback = notify;
}

static void
set_up(int virtual_clock)
{
    struct evpl_global_config *config = test_config();
    static char names[256];
    const char *list[16];
    int count = 0;

    evpl_global_config_set_virtual_clock(config, virtual_clock);
    evpl_global_config_set_tls_cert(config, getenv("TLS_CERT"));
    evpl_global_config_set_tls_key(config, getenv("TLS_KEY"));
    evpl_global_config_set_tls_ca(config, getenv("TLS_CA"));
    evpl_global_config_set_tls_cipher_list(config, getenv("TLS_CIPHERS"));
    evpl_global_config_set_tls_verify_peer(config, getenv("TLS_VERIFY") != NULL);
    evpl_global_config_set_tls_ktls_enabled(config, getenv("TLS_KTLS") && atoi(getenv("TLS_KTLS")));
    if (getenv("TLS_CLIENT_SESSIONS") != NULL) {
        evpl_global_config_set_tls_client_sessions(config, atoi(getenv("TLS_CLIENT_SESSIONS")));
    }
    if (getenv("TLS_SERVER_SESSIONS") != NULL) {
        evpl_global_config_set_tls_server_sessions(config, atoi(getenv("TLS_SERVER_SESSIONS")));
    }
    if (getenv("TLS_TICKETS") != NULL) {
        evpl_global_config_set_tls_server_tickets(config, atoi(getenv("TLS_TICKETS")));
    }
    if (getenv("TLS_CLIENT_CERT") != NULL) {
        evpl_global_config_set_tls_require_client_cert(config, atoi(getenv("TLS_CLIENT_CERT")));
    }
    evpl_global_config_set_tls_send_name(config, getenv("TLS_SEND_NAME") != NULL);
    evpl_global_config_set_tls_verify_name(config, getenv("TLS_VERIFY_NAME") != NULL);
    evpl_global_config_set_tls_key_log(config, getenv("TLS_KEY_LOG") != NULL);
    evpl_init(config);
    if (getenv("TLS_ALPN") != NULL) {
        snprintf(names, sizeof(names), "%s", getenv("TLS_ALPN"));
        for (char *name = strtok(names, ","); name != NULL; name = strtok(NULL, ",")) {
            list[count++] = name;
        }
        evpl_tls_set_alpn_protocols(list, count);
    }
    for (int i = 0; i < PERIOD; i++) {
        table[i] = table[i + PERIOD] = (unsigned char) (i * 7 + i / 251);
    }
}

static long
resident_kib(void)
{
    char line[256];
    long kib   = 0;
    FILE *file = fopen("/proc/self/status", "r");

    CHECK(file != NULL);
    malloc_trim(0);
    while (fgets(line, sizeof(line), file)) {
        if (sscanf(line, "VmRSS: %ld", &kib) == 1) {
            break;
        }
    }
    fclose(file);
    return kib;
}

// The peer is a plain socket that has sent the beginning of a record.
static void
run_stalled(struct evpl *evpl, int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t) port) };
    int peer = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(connect(peer, (struct sockaddr *) &address, sizeof(address)) == 0);
    CHECK(send(peer, "\x16\x03\x01\x01", 4, 0) == 4);
    RUN_UNTIL(evpl, attached == 1, 20000);
    test_sleep_ms(20);
    RUN_PASSES(evpl, 10);
    evpl_virtual_clock_advance(59900000000ull);
    RUN_PASSES(evpl, 10);
    CHECK_EQ(disconnected, 0);
    evpl_virtual_clock_advance(200000000ull);
    RUN_PASSES(evpl, 10);
    CHECK_EQ(disconnected, 1);
    CHECK_EQ(connected, 0);
    close(peer);
}

static void
run_idle(struct evpl *evpl, struct evpl_endpoint *endpoint, int count)
{
    long before;
    uint64_t start, passes = 0, cpu;

    for (int i = 0; i < 100 + count; i++) {
        if (i == 100) {
            RUN_UNTIL(evpl, connected == 200, 20000);
            before = resident_kib();
            start  = test_now_ns();
        }
        CHECK(evpl_connect(evpl, EVPL_STREAM_SOCKET_TLS, NULL, endpoint, notify, NULL, NULL) != NULL);
        RUN_UNTIL(evpl, connected >= 2 * (i - 30), 20000);
    }
    RUN_UNTIL(evpl, connected == 2 * (100 + count), 20000);
    printf("%.0f handshakes/s\n", count / ((double) (test_now_ns() - start) / 1e9));
    printf("%.1f KiB per end\n", (double) (resident_kib() - before) / (2.0 * count));
    cpu = test_cpu_ns();
    for (start = test_now_ns(); test_now_ns() - start < 500000000; passes++) {
        evpl_continue(evpl);
    }
    printf("%llu passes, %llu ms of CPU in 500 ms\n", (unsigned long long) passes,
           (unsigned long long) (test_cpu_ns() - cpu) / 1000000);
}

int
main(int argc, char **argv)
{
    struct evpl_thread_config *thread_config;
    struct evpl_listener *listener;
    struct evpl_endpoint *endpoint;
    struct evpl *evpl;
    const char *mode = argc > 2 ? argv[1] : "";

    set_up(strcmp(mode, "stalled") == 0);
    thread_config = test_thread_config();
    evpl_thread_config_set_poll_mode(thread_config, 0);
    evpl = evpl_create(thread_config);
    evpl_thread_config_release(thread_config);
    endpoint = evpl_endpoint_create(getenv("TLS_HOST") ? getenv("TLS_HOST") : "127.0.0.1", atoi(argv[2]));
    if (getenv("TLS_NAME") != NULL) {
        CHECK(evpl_endpoint_set_tls_name(endpoint, "no host name") == -1 && errno == EINVAL);
        CHECK(evpl_endpoint_set_tls_name(endpoint, "") == -1);
        CHECK(evpl_endpoint_set_tls_name(endpoint, NULL) == 0);
        CHECK(evpl_endpoint_set_tls_name(endpoint, getenv("TLS_NAME")) == 0);
    }
    if (strcmp(mode, "server") == 0 || strcmp(mode, "idle") == 0 || strcmp(mode, "stalled") == 0) {
        listener = evpl_listener_create();
        CHECK(evpl_listener_attach(evpl, listener, attach, NULL) != NULL);
        if (evpl_listen(listener, EVPL_STREAM_SOCKET_TLS, endpoint) != 0) {
            printf("cannot listen: errno %d\n", errno);
            evpl_listener_destroy(listener);
            evpl_endpoint_close(endpoint);
            evpl_destroy(evpl);
            return 3;
        }
        if (strcmp(mode, "stalled") == 0) {
            run_stalled(evpl, atoi(argv[2]));
            evpl_listener_destroy(listener);
            evpl_endpoint_close(endpoint);
            evpl_destroy(evpl);
            return 0;
        }
        if (strcmp(mode, "idle") == 0) {
            freopen("/dev/null", "w", stdout);
            stdout = stderr;
            run_idle(evpl, endpoint, atoi(argv[3]));
            _exit(0);
        }
        printf("listening\n");
        fflush(stdout);
        for (;;) {
            evpl_continue(evpl);
        }
    }
    client = 1;
    total  = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    for (int left = getenv("TLS_REPEAT") ? atoi(getenv("TLS_REPEAT")) : 1; left > 0; left--) {
        struct evpl_bind *bind;

        sent = checked = 0;
        connected = disconnected = finished = 0;
        bind = evpl_connect(evpl, EVPL_STREAM_SOCKET_TLS, NULL, endpoint, notify, NULL, NULL);
        CHECK(bind != NULL);
        while (!disconnected) {
            struct pollfd input = { 0, POLLIN, 0 };

            evpl_continue(evpl);
            if (total == 0 && !disconnected && connected && !finished && poll(&input, 1, 0) == 1) {
                finished = 1;
                evpl_finish(evpl, bind);
            }
        }
    }
    if (total > 0) {
        printf("echoed %llu of %llu\n", (unsigned long long) checked, (unsigned long long) total);
    }
    evpl_endpoint_close(endpoint);
    evpl_destroy(evpl);
    return checked == total ? 0 : 1;
}
