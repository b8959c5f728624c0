// timeout: 60
// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_UNIX

// Unlucky peers by seed: each stops at a phase of its own - before a byte, within a message, with answers unread,
// while the server finishes or closes - in one of three ways: an orderly end, half an end, a reset. Every connection
// is told its end exactly once, and a victim gets all its answers.

#include "hostile.h"

#define PEERS 1500
#define LIVE  32

static uint32_t seed;
static int closing;

static unsigned int
next_random(unsigned int bound)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % bound;
}

static void
on_attach(struct counters *servers, struct evpl *evpl, struct evpl_bind *bind)
{
    static char bytes[300000];

    (void) servers;
    switch (closing++ ? next_random(8) : 7) { // the first is the victim
    case 0:
        evpl_close(evpl, bind);
        break;
    case 1:
        evpl_send(evpl, bind, bytes, sizeof(bytes));
        evpl_finish(evpl, bind);
        break;
    case 2:
        evpl_send(evpl, bind, bytes, sizeof(bytes));
        evpl_close(evpl, bind);
        break;
    }
}

static void
end_peer(int *fd)
{
    char byte;

    switch (next_random(4)) {
    case 0:
        raw_reset(*fd);
        break;
    case 1:
        shutdown(*fd, SHUT_WR);
        (void) !recv(*fd, &byte, 1, MSG_DONTWAIT);
        close(*fd);
        break;
    default:
        close(*fd);
    }
    *fd = -1;
}

int
main(void)
{
    static char bytes[100000];
    struct flow flow        = { 0 };
    struct counters servers = { .on_attach = on_attach };
    struct victim victim    = { 0 };
    int fds[LIVE], first, made = 0;

    seed = (uint32_t) test_now_ns();
    fprintf(stderr, "seed %u\n", seed);
    memset(fds, -1, sizeof(fds));
    server_start(&flow, &servers);
    victim_start(&victim, &flow);
    victim_progresses(&victim, &flow, 100);
    first = victim.turns;
    while (made < PEERS) {
        int *fd = &fds[next_random(LIVE)];

        if (*fd < 0) {
            *fd = raw_dial(&flow);
            made++;
        } else if (next_random(3) == 0) {
            end_peer(fd);
        } else if (next_random(2)) {
            (void) !send(*fd, bytes, 1 + next_random(sizeof(bytes)), MSG_DONTWAIT | MSG_NOSIGNAL);
        } else {
            (void) !recv(*fd, bytes, 1 + next_random(sizeof(bytes)), MSG_DONTWAIT);
        }
        if (next_random(2)) {
            evpl_continue(flow.evpl);
        }
    }
    for (int i = 0; i < LIVE; i++) {
        if (fds[i] >= 0) {
            end_peer(&fds[i]);
        }
    }
    RUN_UNTIL(flow.evpl, servers.attached == PEERS + 1 && servers.disconnected == PEERS, FLOW_WAIT_MS);
    CHECK(victim.turns > first);
    victim_progresses(&victim, &flow, 100);
    victim_report(&victim, "unlucky peers", first);
    victim_stop(&victim, &flow);
    RUN_UNTIL(flow.evpl, servers.disconnected == PEERS + 1, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
