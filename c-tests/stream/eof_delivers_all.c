// timeout: 60
// protocols: STREAM_SOCKET_TCP STREAM_IO_URING_TCP STREAM_SOCKET_UNIX

// A peer that sends 100 MB and ends: every byte is delivered, then DISCONNECTED.

#include "../bind/flow.h"

#define LENGTH (100u << 20)

static struct flow flow;

static void *
peer(void *unused)
{
    unsigned char *bytes = malloc(1 << 20);
    int fd               = raw_dial(&flow);

    for (uint64_t done = 0; done < LENGTH; done += 1 << 20) {
        pattern_fill(bytes, 1 << 20, done);
        raw_write(fd, bytes, 1 << 20);
    }
    close(fd);
    free(bytes);
    return unused;
}

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    static unsigned char bytes[300000];
    int got;

    if (notify->notify_type != EVPL_NOTIFY_RECV_DATA) {
        return 0;
    }
    while ((got = evpl_recv(side->evpl, side->bind, bytes, sizeof(bytes), 0)) > 0) {
        CHECK(pattern_matches(bytes, (size_t) got, side->length));
        side->length += (size_t) got;
    }
    return 1;
}

int
main(void)
{
    pthread_t thread;

    flow.server_hook = on_server;
    flow_start(&flow);
    CHECK_EQ(pthread_create(&thread, NULL, peer, NULL), 0);
    RUN_UNTIL(flow.evpl, flow.server->disconnected, 50000);
    CHECK_EQ(flow.server->length, LENGTH);
    pthread_join(thread, NULL);
    flow_end(&flow);
    return 0;
}
