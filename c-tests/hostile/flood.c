// timeout: 60
// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_UNIX

// Peers that do nothing but connect and go, in an orderly way or with a reset, as fast as they can. A victim among
// them gets its answers; memory and descriptors come back.

#include "hostile.h"

#define FLOODERS    2
#define CONNECTS    3000
#define GROWTH_MAX  (32ULL << 20)

static struct flow flow;
static atomic_int made;

static void *
flood(void *unused)
{
    for (int i = 0; i < CONNECTS; i++) {
        int fd = raw_dial(&flow);

        if (i % 3 == 0) {
            (void) !send(fd, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL);
        }
        if (i % 2 == 0) {
            raw_reset(fd);
        } else {
            close(fd);
        }
        made++;
    }
    return unused;
}

int
main(void)
{
    struct counters servers = { 0 };
    struct victim victim    = { 0 };
    pthread_t threads[FLOODERS];
    uint64_t before, after;
    int fds, first;

    server_start(&flow, &servers);
    fds = test_fd_count();
    victim_start(&victim, &flow);
    victim_progresses(&victim, &flow, 500);
    victim_report(&victim, "quiet", 0);
    before = resident_bytes();
    first  = victim.turns;
    for (int i = 0; i < FLOODERS; i++) {
        CHECK(pthread_create(&threads[i], NULL, flood, NULL) == 0);
    }
    RUN_UNTIL(flow.evpl, made == FLOODERS * CONNECTS, 50000);
    for (int i = 0; i < FLOODERS; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK(victim.turns > first);
    victim_report(&victim, "flood of connects", first);
    victim_progresses(&victim, &flow, 100);
    victim_stop(&victim, &flow);
    RUN_UNTIL(flow.evpl, servers.disconnected == servers.attached && test_fd_count() == fds, FLOW_WAIT_MS);
    after = resident_bytes();
    CHECK_GREW(after, before, GROWTH_MAX);
    flow_end(&flow);
    return 0;
}
