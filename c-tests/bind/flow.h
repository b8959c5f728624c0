// SPDX-License-Identifier: MIT OR Apache-2.0

// One listener and one connection on one loop, and a record of what each end was told. Every end checks
// the order of its own notifications, so each test that uses this is a test of that order as well. An
// unconnected protocol takes part: its two ends are binds that know each other's endpoint.

#ifndef FLOW_H
#define FLOW_H

#include "../test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define FLOW_WAIT_MS     20000
#define FLOW_ACCEPTS_MAX 64

struct flow;

struct side {
    struct flow *flow;
    struct evpl *evpl;
    struct evpl_bind *bind; // NULL after DISCONNECTED
    struct evpl_endpoint *peer; // where an unconnected bind sends to
    int attached, connected, disconnected, recv_data, recv_msg, sent;
    int unconnected;
    uint64_t sent_bytes, sent_msgs;
    unsigned char *data; // all bytes received, in order
    size_t length, capacity;
    unsigned int *messages; // length of each message received
    size_t message_count, message_capacity;
    int keep; // leave stream bytes in the receive queue
    int (*hook)(struct side *side, struct evpl_notify *notify); // non-zero: nothing is left to do
    void *extra;
};

struct flow {
    struct evpl_global_config *config; // NULL: test_config()
    enum evpl_protocol_id protocol;
    int datagram_unconnected, abstract;
    struct evpl *evpl;
    struct evpl_listener *listener;
    struct evpl_listener_binding *binding;
    struct evpl_endpoint *endpoint, *client_endpoint;
    char text[EVPL_ADDRESS_STRLEN]; // what an address string shows for the endpoint
    char path[108];
    int port;
    struct side client;
    struct side accepted[FLOW_ACCEPTS_MAX];
    struct side *server; // accepted[0]
    int accepts;
    evpl_segment_callback_t client_segment, server_segment;
    int (*client_hook)(struct side *side, struct evpl_notify *notify);
    int (*server_hook)(struct side *side, struct evpl_notify *notify);
    void (*attach_hook)(struct side *side);
    int server_keep;
};

static inline uint64_t
now_ms(void)
{
    return test_now_ns() / 1000000;
}

// Content whose place in the stream can be checked.

#define PATTERN_PERIOD 65521

static unsigned char pattern_table[2 * PATTERN_PERIOD];

/* Before main, as tests read it from several threads. */
__attribute__((constructor)) static void
pattern_make(void)
{
    uint32_t state = 12345;

    for (size_t i = 0; i < PATTERN_PERIOD; i++) {
        state                             = state * 1664525u + 1013904223u;
        pattern_table[i + PATTERN_PERIOD] = (unsigned char) (state >> 24);
    }
    memcpy(pattern_table, pattern_table + PATTERN_PERIOD, PATTERN_PERIOD);
}

static inline const unsigned char *
pattern(uint64_t position)
{
    return pattern_table + position % PATTERN_PERIOD;
}

static inline void
pattern_fill(void *buffer, size_t length, uint64_t position)
{
    while (length > 0) {
        size_t step = length < PATTERN_PERIOD ? length : PATTERN_PERIOD;

        memcpy(buffer, pattern(position), step);
        buffer = (char *) buffer + step;
        position += step;
        length -= step;
    }
}

static inline int
pattern_matches(const void *buffer, size_t length, uint64_t position)
{
    while (length > 0) {
        size_t step = length < PATTERN_PERIOD ? length : PATTERN_PERIOD;

        if (memcmp(buffer, pattern(position), step) != 0) {
            return 0;
        }
        buffer = (const char *) buffer + step;
        position += step;
        length -= step;
    }
    return 1;
}

// What a side does with what it receives.

static inline void
side_append(struct side *side, const void *bytes, size_t length)
{
    if (side->length + length > side->capacity) {
        side->capacity = 2 * (side->length + length);
        side->data     = realloc(side->data, side->capacity);
        CHECK(side->data != NULL);
    }
    if (length > 0) {
        memcpy(side->data + side->length, bytes, length);
    }
    side->length += length;
}

static inline void
side_take_data(struct side *side)
{
    static __thread char buffer[65536];
    int got;

    while ((got = evpl_recv(side->evpl, side->bind, buffer, sizeof(buffer), 0)) > 0) {
        side_append(side, buffer, (size_t) got);
    }
    CHECK(got == 0);
}

static inline void
side_take_message(struct side *side, struct evpl_notify *notify)
{
    unsigned int total = 0;

    for (unsigned int i = 0; i < notify->recv_msg.niov; i++) {
        side_append(side, notify->recv_msg.iovec[i].data, notify->recv_msg.iovec[i].length);
        total += notify->recv_msg.iovec[i].length;
    }
    CHECK(total == notify->recv_msg.length);
    evpl_iovecs_release(side->evpl, notify->recv_msg.iovec, (int) notify->recv_msg.niov);
    if (side->message_count == side->message_capacity) {
        side->message_capacity = 2 * side->message_capacity + 16;
        side->messages         = realloc(side->messages, side->message_capacity * sizeof(unsigned int));
        CHECK(side->messages != NULL);
    }
    side->messages[side->message_count++] = total;
}

static inline void
side_count(struct side *side, struct evpl_notify *notify)
{
    int live = side->connected || side->unconnected;

    CHECK(notify->notify_status == 0);
    CHECK(side->disconnected == 0);
    switch (notify->notify_type) {
    case EVPL_NOTIFY_CONNECTED:
        CHECK(!live);
        side->connected++;
        break;
    case EVPL_NOTIFY_DISCONNECTED:
        side->disconnected++;
        break;
    case EVPL_NOTIFY_RECV_DATA:
        CHECK(live);
        side->recv_data++;
        break;
    case EVPL_NOTIFY_RECV_MSG:
        CHECK(live);
        side->recv_msg++;
        break;
    case EVPL_NOTIFY_SENT:
        CHECK(live);
        side->sent++;
        side->sent_bytes += notify->sent.bytes;
        side->sent_msgs += notify->sent.msgs;
        break;
    default:
        CHECK(!"known notification");
    }
}

static inline void
side_notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify, void *private_data)
{
    struct side *side = private_data;
    // The caller's struct may be reused by calls made from the hook.
    unsigned int type = notify->notify_type;

    CHECK(side->evpl == evpl && side->bind == bind);
    side_count(side, notify);
    if (side->hook == NULL || !side->hook(side, notify)) {
        if (type == EVPL_NOTIFY_RECV_DATA && !side->keep) {
            side_take_data(side);
        } else if (type == EVPL_NOTIFY_RECV_MSG) {
            side_take_message(side, notify);
        }
    }
    if (type == EVPL_NOTIFY_DISCONNECTED) {
        side->bind = NULL;
    }
}

static inline void
flow_attach(struct evpl *evpl, struct evpl_bind *bind, evpl_notify_callback_t *notify,
            evpl_segment_callback_t *segment, void **conn_private, void *private_data)
{
    struct flow *flow = private_data;
    struct side *side;

    CHECK(flow->accepts < FLOW_ACCEPTS_MAX);
    CHECK(*notify == NULL && *segment == NULL && *conn_private == NULL);
    side           = &flow->accepted[flow->accepts++];
    side->flow     = flow;
    side->evpl     = evpl;
    side->bind     = bind;
    side->hook     = flow->server_hook;
    side->keep     = flow->server_keep;
    side->attached = 1;
    *notify        = side_notify;
    *segment       = flow->server_segment;
    *conn_private  = side;
    if (flow->attach_hook) {
        flow->attach_hook(side);
    }
}

// Names and places.

// The protocol under test; "STREAM_SOCKET_UNIX@" stands for the abstract names of that protocol.
static inline enum evpl_protocol_id
flow_protocol(int *abstract)
{
    const char *name = getenv("EVPL_TEST_PROTOCOL");
    char plain[64];
    enum evpl_protocol_id id;

    snprintf(plain, sizeof(plain), "%s", name ? name : "STREAM_SOCKET_TCP");
    *abstract = plain[strlen(plain) - 1] == '@';
    if (*abstract) {
        plain[strlen(plain) - 1] = 0;
    }
    if (evpl_protocol_lookup(&id, plain) != 0) {
        test_skip_protocol(plain);
    }
    return id;
}

static inline int
flow_is_message(const struct flow *flow)
{
    return !evpl_protocol_is_stream(flow->protocol);
}

// A port of 127.0.0.1 that nobody uses now.
static inline int
free_port(int type)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length      = sizeof(in);
    int fd                = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    CHECK(bind(fd, (struct sockaddr *) &in, sizeof(in)) == 0);
    CHECK(getsockname(fd, (struct sockaddr *) &in, &length) == 0);
    close(fd);
    return ntohs(in.sin_port);
}

// What `bytes` in `messages` messages are by the count of SENT, which has the headers in it where there are any.
static inline uint64_t
flow_sent_bytes(const struct flow *flow, uint64_t bytes, uint64_t messages)
{
    return bytes + (flow->protocol == EVPL_DATAGRAM_TCP_RDMA ? 32 * messages : 0);
}

static inline struct evpl_endpoint *
flow_endpoint(struct flow *flow)
{
    static int number;

    number++;
    if (evpl_protocol_is_local(flow->protocol)) {
        if (flow->abstract) {
            snprintf(flow->path, sizeof(flow->path), "@evpl-flow-%d-%d", (int) getpid(), number);
        } else {
            snprintf(flow->path, sizeof(flow->path), "%.80s/f%d-%d", test_tmpdir(), (int) getpid(), number);
        }
        snprintf(flow->text, sizeof(flow->text), "unix:%s", flow->path);
        return evpl_endpoint_create_local(flow->path);
    }
    if (evpl_protocol_is_inproc(flow->protocol)) {
        snprintf(flow->path, sizeof(flow->path), "flow-%d", number);
        snprintf(flow->text, sizeof(flow->text), "inproc:%s", flow->path);
        return evpl_endpoint_create_inproc(flow->path);
    }
    flow->port = free_port(flow->protocol == EVPL_DATAGRAM_SOCKET_UDP ? SOCK_DGRAM : SOCK_STREAM);
    snprintf(flow->text, sizeof(flow->text), "127.0.0.1:%d", flow->port);
    return evpl_endpoint_create("127.0.0.1", flow->port);
}

// Runs passes for a while, to see that nothing happens.
static inline void
loop_idle(struct evpl *evpl, unsigned int ms)
{
    uint64_t end = now_ms() + ms;

    while (now_ms() < end) {
        evpl_continue(evpl);
    }
}

// Initialises once per process; NULL: test_config().
static inline void
library_init(struct evpl_global_config *config)
{
    static int initialised;

    if (!initialised) {
        evpl_init(config ? config : test_config());
        initialised = 1;
    }
}

static inline void
flow_init(struct flow *flow)
{
    library_init(flow->config);
    flow->protocol = flow_protocol(&flow->abstract);
    flow->datagram_unconnected = flow->protocol == EVPL_DATAGRAM_SOCKET_UDP;
}

// The server's half: listening with this loop attached, or an unconnected bind.
static inline void
flow_start(struct flow *flow)
{
    flow_init(flow);
    if (flow->evpl == NULL) {
        flow->evpl = test_evpl();
    }
    flow->server   = &flow->accepted[0];
    flow->endpoint = flow_endpoint(flow);
    CHECK(flow->endpoint != NULL);
    if (flow->datagram_unconnected) {
        struct side *side = flow->server;

        flow->client_endpoint = evpl_endpoint_create("127.0.0.1", free_port(SOCK_DGRAM));
        flow->accepts         = 1;
        side->flow            = flow;
        side->evpl            = flow->evpl;
        side->hook            = flow->server_hook;
        side->attached        = 1;
        side->unconnected     = 1;
        side->peer            = flow->client_endpoint;
        side->bind            = evpl_bind(flow->evpl, flow->protocol, flow->endpoint, side_notify, side);
        CHECK(side->bind != NULL);
        return;
    }
    flow->listener = evpl_listener_create();
    flow->binding  = evpl_listener_attach(flow->evpl, flow->listener, flow_attach, flow);
    CHECK(evpl_listen(flow->listener, flow->protocol, flow->endpoint) == 0);
}

static inline void
flow_dial(struct flow *flow, struct side *side)
{
    side->flow     = flow;
    side->evpl     = flow->evpl;
    side->attached = 1;
    if (side->hook == NULL) {
        side->hook = flow->client_hook;
    }
    if (flow->datagram_unconnected) {
        side->unconnected = 1;
        side->peer        = flow->endpoint;
        side->bind        = evpl_bind(flow->evpl, flow->protocol, flow->client_endpoint, side_notify, side);
    } else {
        side->bind = evpl_connect(flow->evpl, flow->protocol, NULL, flow->endpoint, side_notify,
                                  flow->client_segment, side);
    }
    CHECK(side->bind != NULL);
    CHECK(side->connected == 0 && side->disconnected == 0);
}

static inline void
flow_connect(struct flow *flow)
{
    flow_start(flow);
    flow_dial(flow, &flow->client);
    if (!flow->datagram_unconnected) {
        RUN_UNTIL(flow->evpl, flow->client.connected && flow->server->connected, FLOW_WAIT_MS);
    }
}

static inline void
side_end(struct side *side)
{
    if (side->attached) {
        CHECK(side->disconnected == 1);
    }
    free(side->data);
    free(side->messages);
    memset(side, 0, sizeof(*side));
}

// Destroys everything; every end that was opened must have been told exactly once that it is over.
static inline void
flow_end(struct flow *flow)
{
    if (flow->binding) {
        evpl_listener_detach(flow->evpl, flow->binding);
    }
    if (flow->listener) {
        evpl_listener_destroy(flow->listener);
    }
    evpl_destroy(flow->evpl);
    side_end(&flow->client);
    for (int i = 0; i < flow->accepts; i++) {
        side_end(&flow->accepted[i]);
    }
    evpl_endpoint_close(flow->endpoint);
    if (flow->client_endpoint) {
        evpl_endpoint_close(flow->client_endpoint);
    }
}

// Sends that work on connected and unconnected protocols alike.

static inline void
side_send(struct side *side, const void *bytes, size_t length)
{
    if (side->unconnected) {
        evpl_sendtoep(side->evpl, side->bind, side->peer, bytes, (unsigned int) length);
    } else {
        evpl_send(side->evpl, side->bind, bytes, (unsigned int) length);
    }
}

static inline void
side_sendv(struct side *side, struct evpl_iovec *iovecs, int niov, int length, unsigned int flags)
{
    if (side->unconnected) {
        evpl_sendtoepv(side->evpl, side->bind, side->peer, iovecs, niov, length, flags);
    } else {
        evpl_sendv(side->evpl, side->bind, iovecs, niov, length, flags);
    }
}

// One iovec with `length` bytes of the pattern from `position`.
static inline void
side_alloc(struct side *side, struct evpl_iovec *iovec, size_t length, uint64_t position)
{
    CHECK(evpl_iovec_alloc(side->evpl, (unsigned int) length, 0, 1, 0, iovec) == 1);
    pattern_fill(iovec->data, length, position);
}

// Peers that are plain sockets.

static inline int
raw_socket(struct flow *flow, struct sockaddr_storage *storage, socklen_t *length)
{
    memset(storage, 0, sizeof(*storage));
    if (evpl_protocol_is_local(flow->protocol)) {
        struct sockaddr_un *un = (struct sockaddr_un *) storage;

        un->sun_family = AF_UNIX;
        memcpy(un->sun_path, flow->path, strlen(flow->path) + 1);
        *length = (socklen_t) sizeof(*un);
        if (flow->path[0] == '@') {
            un->sun_path[0] = 0;
            *length         = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + strlen(flow->path));
        }
    } else {
        struct sockaddr_in *in = (struct sockaddr_in *) storage;

        in->sin_family      = AF_INET;
        in->sin_port        = htons((uint16_t) flow->port);
        in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        *length             = sizeof(*in);
    }
    return socket(storage->ss_family, (flow->datagram_unconnected ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
}

// A blocking socket connected to the flow's listener.
static inline int
raw_dial(struct flow *flow)
{
    struct sockaddr_storage storage;
    socklen_t length;
    int fd = raw_socket(flow, &storage, &length);

    CHECK(fd >= 0);
    CHECK(connect(fd, (struct sockaddr *) &storage, length) == 0);
    return fd;
}

// A socket listening where the flow's endpoint says; the flow itself must not be started.
static inline int
raw_listen(struct flow *flow, int backlog)
{
    struct sockaddr_storage storage;
    socklen_t length;
    int fd  = raw_socket(flow, &storage, &length);
    int one = 1;

    CHECK(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    CHECK(bind(fd, (struct sockaddr *) &storage, length) == 0);
    CHECK(listen(fd, backlog) == 0);
    return fd;
}

static inline void
raw_write(int fd, const void *bytes, size_t length)
{
    while (length > 0) {
        ssize_t put = send(fd, bytes, length, MSG_NOSIGNAL);

        CHECK(put > 0);
        bytes = (const char *) bytes + put;
        length -= (size_t) put;
    }
}

// Reads up to `length` bytes, less if the peer closes; -1 if it resets.
static inline ssize_t
raw_read(int fd, void *bytes, size_t length)
{
    size_t total = 0;

    while (total < length) {
        ssize_t got = recv(fd, (char *) bytes + total, length - total, 0);

        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        total += (size_t) got;
    }
    return (ssize_t) total;
}

// Closes with a reset instead of an orderly end.
static inline void
raw_reset(int fd)
{
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(fd);
}

// Whether `fd` shows end or reset within `ms`, with nothing before it.
static inline int
raw_is_closed(int fd, int ms)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
    char byte;

    return poll(&poll_fd, 1, ms) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

#endif
