// timeout: 60
// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_UNIX

// Peers that send and never read the answers. What queues up for one is bounded by what it sent; a victim gets its
// answers meanwhile; all memory can be used again when they are gone, so that a second wave costs nothing more.

#include "hostile.h"

#define PEERS       8
#define SENT        (2 << 20)
#define GROWTH_MAX  (3ULL * PEERS * SENT + (16 << 20))

static uint64_t
wave(struct flow *flow, struct counters *servers, struct victim *victim)
{
    static char bytes[SENT];
    int fds[PEERS], disconnected = servers->disconnected;
    size_t put[PEERS] = { 0 };
    uint64_t most;

    for (int i = 0; i < PEERS; i++) {
        fds[i] = raw_dial(flow);
    }
    for (int done = 0; done < PEERS;) {
        done = 0;
        for (int i = 0; i < PEERS; i++) {
            ssize_t n = put[i] < SENT ? send(fds[i], bytes, SENT - put[i], MSG_DONTWAIT | MSG_NOSIGNAL) : 0;

            put[i] += n > 0 ? (size_t) n : 0;
            done += put[i] == SENT;
        }
        evpl_continue(flow->evpl);
    }
    victim_progresses(victim, flow, 300);
    most = resident_bytes();
    for (int i = 0; i < PEERS; i++) {
        if (i % 2) {
            raw_reset(fds[i]);
        } else {
            close(fds[i]);
        }
    }
    RUN_UNTIL(flow->evpl, servers->disconnected == disconnected + PEERS, FLOW_WAIT_MS);
    return most;
}

int
main(void)
{
    struct flow flow        = { 0 };
    struct counters servers = { 0 };
    struct victim victim    = { 0 };
    uint64_t before, most = 0;
    int first;

    server_start(&flow, &servers);
    victim_start(&victim, &flow);
    victim_progresses(&victim, &flow, 500);
    victim_report(&victim, "quiet", 0);
    before = resident_bytes();
    first  = victim.turns;
    for (int i = 0; i < 10; i++) {
        uint64_t now = wave(&flow, &servers, &victim);

        most = now > most ? now : most;
    }
    victim_report(&victim, "peers that never read", first);
    CHECK_GREW(most, before, GROWTH_MAX);
    victim_stop(&victim, &flow);
    flow_end(&flow);
    return 0;
}
