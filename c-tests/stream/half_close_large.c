// protocols: STREAM_SOCKET_TCP STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@

// A peer that half closes after its request gets all of a large answer, however slowly it reads: queued
// before the end is known, in the pass that sees it, and while an earlier answer is still under way.

#include "../bind/flow.h"

#include <pthread.h>

#define ANSWER_LEN (8u << 20)

struct reader {
    pthread_t thread;
    int fd;
    size_t length;
    int wrong;
};

static int split;
static unsigned char *answer;

static void *
read_slowly(void *arg)
{
    struct reader *reader = arg;
    static unsigned char bytes[64 << 10];
    ssize_t n;

    usleep(100000);
    while ((n = read(reader->fd, bytes, sizeof(bytes))) > 0) {
        reader->wrong |= memcmp(bytes, answer + reader->length, (size_t) n) != 0;
        reader->length += (size_t) n;
        usleep(200);
    }
    return NULL;
}

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA) {
        if (!split) {
            evpl_send(side->evpl, side->bind, answer, ANSWER_LEN);
        } else if (side->extra == NULL) {
            side->extra = side;
            evpl_send(side->evpl, side->bind, answer, ANSWER_LEN / 2);
        } else {
            evpl_send(side->evpl, side->bind, answer + ANSWER_LEN / 2, ANSWER_LEN / 2);
        }
    }
    return 0;
}

int
main(void)
{
    struct flow flow = { .server_hook = on_server };
    struct reader reader;

    answer = malloc(ANSWER_LEN);
    pattern_fill(answer, ANSWER_LEN, 0);
    flow_start(&flow);
    for (int i = 0; i < 3; i++) {
        struct side *side = &flow.accepted[i];

        split  = i == 2;
        reader = (struct reader) { .fd = raw_dial(&flow) };
        raw_write(reader.fd, "request", 7);
        if (i > 0) {
            // The answer is queued before the end comes.
            RUN_UNTIL(flow.evpl, side->length == 7, FLOW_WAIT_MS);
        }
        if (i == 2) {
            raw_write(reader.fd, "another", 7);
        }
        shutdown(reader.fd, SHUT_WR);
        CHECK(pthread_create(&reader.thread, NULL, read_slowly, &reader) == 0);
        RUN_UNTIL(flow.evpl, side->disconnected, FLOW_WAIT_MS);
        pthread_join(reader.thread, NULL);
        CHECK_EQ(reader.length, ANSWER_LEN);
        CHECK(!reader.wrong);
        close(reader.fd);
    }

    // A peer that goes away instead ends it.
    split     = 0;
    reader.fd = raw_dial(&flow);
    raw_write(reader.fd, "request", 7);
    shutdown(reader.fd, SHUT_WR);
    RUN_UNTIL(flow.evpl, flow.accepted[3].length == 7, FLOW_WAIT_MS);
    loop_idle(flow.evpl, 20);
    CHECK(!flow.accepted[3].disconnected);
    close(reader.fd);
    RUN_UNTIL(flow.evpl, flow.accepted[3].disconnected, FLOW_WAIT_MS);

    // Destroyed with an answer under way.
    reader.fd = raw_dial(&flow);
    raw_write(reader.fd, "request", 7);
    shutdown(reader.fd, SHUT_WR);
    RUN_UNTIL(flow.evpl, flow.accepted[4].length == 7, FLOW_WAIT_MS);
    flow_end(&flow);
    close(reader.fd);
    free(answer);
    return 0;
}
