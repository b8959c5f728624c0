// SPDX-License-Identifier: MIT OR Apache-2.0

// A server that echoes on the test's loop, a victim that keeps asking it from a thread of its own, and what the
// process holds. The victim must get every answer whatever other peers do; how long each took is printed, not judged.

#ifndef HOSTILE_H
#define HOSTILE_H

#include "../listener/counters.h"

#include <stdatomic.h>

#define VICTIM_LEN     64
#define VICTIM_TURNS   100000
#define VICTIM_WAIT_MS 10000

struct victim {
    pthread_t thread;
    int fd;
    atomic_int turns, stop;
    uint32_t *microseconds;
};

/** Memory that this process has touched and holds. */
static inline uint64_t
resident_bytes(void)
{
    unsigned long total, resident;
    FILE *file = fopen("/proc/self/statm", "r");

    CHECK(file != NULL);
    CHECK(fscanf(file, "%lu %lu", &total, &resident) == 2);
    fclose(file);
    return (uint64_t) resident * 4096;
}

/** CHECKs that no more than `most` bytes came to what was held `before`. Sanitizers keep what was freed. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CHECK_GREW(held, before, most) ((void) (held), (void) (before), (void) (most))
#else
#define CHECK_GREW(held, before, most) CHECK((held) < (before) + (most))
#endif

static inline void
server_start(struct flow *flow, struct counters *servers)
{
    counters_start(flow);
    servers->echo = 1;
    flow->binding = evpl_listener_attach(flow->evpl, flow->listener, counters_attach, servers);
    CHECK_EQ(evpl_listen(flow->listener, flow->protocol, flow->endpoint), 0);
}

static inline void *
victim_run(void *argument)
{
    struct victim *victim = argument;
    char question[VICTIM_LEN], answer[VICTIM_LEN];

    while (!victim->stop && victim->turns < VICTIM_TURNS) {
        uint64_t asked = test_now_ns();

        memset(question, (victim->turns & 31) + 64, sizeof(question));
        raw_write(victim->fd, question, sizeof(question));
        CHECK_EQ(raw_read(victim->fd, answer, sizeof(answer)), VICTIM_LEN);
        CHECK(memcmp(question, answer, VICTIM_LEN) == 0);
        victim->microseconds[victim->turns++] = (uint32_t) ((test_now_ns() - asked) / 1000);
    }
    return NULL;
}

static inline void
victim_start(struct victim *victim, struct flow *flow)
{
    struct timeval patience = { .tv_sec = VICTIM_WAIT_MS / 1000 };

    victim->microseconds = calloc(VICTIM_TURNS + 1, sizeof(uint32_t));
    victim->fd           = raw_dial(flow);
    CHECK(setsockopt(victim->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
    CHECK(pthread_create(&victim->thread, NULL, victim_run, victim) == 0);
}

/** Passes of the loop until the victim has had `count` more answers. */
static inline void
victim_progresses(struct victim *victim, struct flow *flow, int count)
{
    int until = victim->turns + count;

    RUN_UNTIL(flow->evpl, victim->turns >= until, FLOW_WAIT_MS);
}

static inline int
victim_compare(const void *a, const void *b)
{
    uint32_t first = *(const uint32_t *) a, second = *(const uint32_t *) b;

    return (first > second) - (first < second);
}

/** Prints the median and the 99th percentile of the answers from `first` on. */
static inline void
victim_report(struct victim *victim, const char *phase, int first)
{
    int count        = victim->turns - first;
    uint32_t *sorted = malloc(sizeof(uint32_t) * (size_t) count);

    memcpy(sorted, victim->microseconds + first, sizeof(uint32_t) * (size_t) count);
    qsort(sorted, (size_t) count, sizeof(uint32_t), victim_compare);
    printf("%-24s %7d answers, median %6u us, p99 %6u us\n", phase, count, sorted[count / 2],
           sorted[(long) count * 99 / 100]);
    free(sorted);
}

static inline void
victim_stop(struct victim *victim, struct flow *flow)
{
    int until = victim->turns + 1;

    victim->stop = 1;
    RUN_UNTIL(flow->evpl, victim->turns >= until || pthread_tryjoin_np(victim->thread, NULL) == 0, FLOW_WAIT_MS);
    if (victim->turns >= until) {
        pthread_join(victim->thread, NULL);
    }
    close(victim->fd);
    free(victim->microseconds);
}

#endif
