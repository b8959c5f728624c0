// The counters that the preloaded counts.c keeps in a file that load.c maps too.
#ifndef COUNTS_H
#define COUNTS_H

#define COUNTS_ENV "EVPL_BENCH_COUNTS"

enum counted { COUNT_WAIT, COUNT_RECEIVE, COUNT_SEND, COUNT_OTHER, COUNT_ALLOCATION, COUNTED };

static const char *const counted_names[] = { "waits", "receives", "sends", "other_calls",
                                             "allocations" };

struct counts {
    unsigned long values[COUNTED];
};

#endif
