// timeout: 60
// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_UNIX

// Peers that announce a huge message and send it byte by byte. What they hold is in proportion to what they sent, not
// to what they announced; a victim gets its answers meanwhile.

#include "hostile.h"

#define PEERS       64
#define BYTES       400
#define GROWTH_MAX  (48ULL << 20)

static int
announced(struct evpl *evpl, struct evpl_bind *bind, void *private_data)
{
    (void) private_data;
    char first;

    if (evpl_peek(evpl, bind, &first, 1) < 1) {
        return 0;
    }
    return first == '!' ? 0x7fffffff : VICTIM_LEN;
}

static void
echo(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *event, void *private_data)
{
    struct counters *servers = private_data;

    if (event->notify_type == EVPL_NOTIFY_RECV_MSG) {
        evpl_sendv(evpl, bind, event->recv_msg.iovec, (int) event->recv_msg.niov, (int) event->recv_msg.length,
                   EVPL_SEND_FLAG_TAKE_REF);
    } else if (event->notify_type == EVPL_NOTIFY_DISCONNECTED) {
        servers->disconnected++;
    }
}

static void
attach(struct evpl *evpl, struct evpl_bind *bind, evpl_notify_callback_t *notify, evpl_segment_callback_t *segment,
       void **conn_private, void *private_data)
{
    (void) evpl;
    (void) bind;
    *notify       = echo;
    *segment      = announced;
    *conn_private = private_data;
}

int
main(void)
{
    struct flow flow        = { 0 };
    struct counters servers = { 0 };
    struct victim victim    = { 0 };
    int fds[PEERS], first, one = 1;
    uint64_t before;

    counters_start(&flow);
    flow.binding = evpl_listener_attach(flow.evpl, flow.listener, attach, &servers);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);
    victim_start(&victim, &flow);
    victim_progresses(&victim, &flow, 30);
    before = resident_bytes();
    first  = victim.turns;
    for (int i = 0; i < PEERS; i++) {
        fds[i] = raw_dial(&flow);
        if (!evpl_protocol_is_local(flow.protocol)) {
            CHECK(setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
        }
        raw_write(fds[i], "!", 1);
    }
    for (int n = 0; n < BYTES; n++) {
        for (int i = 0; i < PEERS; i++) {
            raw_write(fds[i], "x", 1);
        }
        RUN_PASSES(flow.evpl, 2);
    }
    victim_progresses(&victim, &flow, 100);
    victim_report(&victim, "byte by byte", first);
    CHECK_GREW(resident_bytes(), before, GROWTH_MAX);
    for (int i = 0; i < PEERS; i++) {
        close(fds[i]);
    }
    RUN_UNTIL(flow.evpl, servers.disconnected == PEERS, FLOW_WAIT_MS);
    victim_stop(&victim, &flow);
    flow_end(&flow);
    return 0;
}
