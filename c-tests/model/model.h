/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * The reference model: what each operation owes, kept without calling the library.
 *
 * Everything that can call back has a ledger with one account per effect. An operation changes
 * accounts as the table in model.c says; each callback pays into one. Three things are failures: a
 * payment above the most that is owed, one earlier than it may come, and a debt that is still open
 * when its pass ends or, for what the kernel and other threads take part in, when the program has
 * settled.
 */

#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_LOOPS     2
#define MODEL_TIMERS    6
#define MODEL_DEFERRALS 5
#define MODEL_DOORBELLS 4
#define MODEL_POLLS     3
#define MODEL_CONNS     64

/* What a callback, or the bytes it brings, is called in an account. */
enum effect {
    FIRES, /* of a timer, a deferral or a doorbell */
    ATTACHED,
    CONNECTED,
    DISCONNECTED,
    ARRIVES, /* bytes on a stream, messages on a datagram protocol */
    SENT_BYTES,
    SENT_MESSAGES,
    EFFECTS
};

/* When a debt is due. */
enum when {
    IN_PASS,      /* by the end of the pass, or of the next one if none is under way */
    IN_FULL_PASS, /* the same, counting only passes that look at timers and the kernel */
    EVENTUALLY    /* once the program has settled */
};

struct account {
    uint64_t paid;
    uint64_t min;
    uint64_t max;
    enum when when;
    uint64_t from_pass; /* not before this pass of the loop */
    uint64_t from_ns;   /* not before this time */
    uint64_t by_pass;   /* due by the end of this pass; 0 while that is not known */
};

struct ledger {
    const char *kind;
    int index;
    struct model_loop *loop; /* NULL until it is known which one it will be */
    struct model_end *end;   /* NULL unless it is a bind's */
    struct account accounts[EFFECTS];
};

/* The points of a pass in the order in which callbacks may come. */
enum phase { AT_TIMERS, AT_POLL_MODE, AT_PRE_WAIT, AT_POST_WAIT, AT_WORK, AT_END };

#define HOOK_PRE_WAIT  1
#define HOOK_POST_WAIT 2
#define HOOK_END       4

struct model_poll {
    bool registered;
    int calls;  /* owed in this pass */
    int enters; /* owed in this pass */
    int exits;  /* owed in this pass */
    bool added_in_pass;
};

struct model_loop {
    int index;
    bool in_pass;
    bool full;
    bool in_callback;
    bool destroying;
    enum phase phase;
    uint64_t pass;
    uint64_t now;

    int hooks;      /* which set is installed; 0 for none */
    int hooks_mask; /* which of its hooks are not NULL */
    int hook_owed;  /* the set whose hook is owed at the present phase; 0 for none */

    bool poll_config;
    uint64_t poll_iterations;
    uint64_t spin_ns;
    bool poll_mode;
    uint64_t iterations;
    uint64_t activity, activity_seen, activity_ns;
    int pins;
    struct model_poll polls[MODEL_POLLS];
};

struct model_timer {
    struct ledger ledger;
    bool registered;
    bool periodic;
    bool armed_again; /* added during its own callback */
    uint64_t interval_ns;
    uint64_t fired_in_pass;
};

struct model_deferral {
    struct ledger ledger;
    uint64_t ran_in_pass;
};

struct model_doorbell {
    struct ledger ledger;
    bool registered;
};

enum transport { INPROC_STREAM, INPROC_DATAGRAM, TCP, UNIX, UDP };

struct model_end {
    struct ledger ledger;
    struct model_conn *conn;
    int side;
    bool exists;    /* a bind is known to the application */
    bool connected; /* CONNECTED came, or the protocol has none */
    bool closed;    /* the application called close */
    bool finishing; /* the application called finish */
    bool gone;      /* DISCONNECTED came */
    bool segmented;
    bool wants_sent;
    bool uncounted; /* SENT's message count is not checked */

    uint64_t queued;          /* bytes given to send */
    uint64_t queued_messages; /* sends */
    uint64_t flushing;        /* of these, queued when the pass began, in the unit of ARRIVES */
    uint64_t flushed;         /* of these, surely handed over */
    uint32_t *lengths;        /* of each message sent */
    uint64_t lengths_room;

    uint64_t position;  /* payload position of the next byte to take */
    uint64_t available; /* bytes of a stream that were notified and not taken */
    uint64_t segment;   /* index of the next segment to receive */
};

enum reach {
    SERVED,   /* a listener with a loop attached */
    UNSERVED, /* a listener without one */
    NOBODY,   /* no listener */
    UNCONNECTED
};

struct model_conn {
    int id;
    enum reach reach;
    uint64_t keys[2]; /* payload of what each side sends */
    struct model_end ends[2];
};

struct model {
    enum transport transport;
    int loops_count;
    struct model_loop loops[MODEL_LOOPS];
    struct model_timer timers[MODEL_TIMERS];
    struct model_deferral deferrals[MODEL_DEFERRALS];
    struct model_doorbell doorbells[MODEL_DOORBELLS];
    int conns_count;
    struct model_conn conns[MODEL_CONNS];
};

/** Reports a broken promise, with where the program stands, and ends the process. */
__attribute__((noreturn, format(printf, 1, 2))) void model_fail(const char *format, ...);

/** Prints the present place of the program for model_fail; the driver provides it. */
void model_describe_place(void);

void model_reset(struct model *model, enum transport transport, int loops);

/** `poll_mode` and so on are the loop's configuration, `now` its creation. */
void model_loop_created(struct model_loop *loop, bool poll_mode, uint64_t poll_iterations,
                        uint64_t spin_ns, uint64_t now);
void model_loop_destroying(struct model *model, struct model_loop *loop);
void model_pass_begins(struct model *model, struct model_loop *loop, uint64_t now);
void model_pass_ends(struct model *model, struct model_loop *loop);

/** A callback of the loop begins at the given point of a pass; checks that it may. */
void model_callback_begins(struct model_loop *loop, enum phase phase);
void model_callback_ends(struct model_loop *loop);

void model_timer_added(struct model *model, struct model_timer *timer, bool periodic,
                       uint64_t interval_us, uint64_t now);
void model_timer_removed(struct model *model, struct model_timer *timer);
void model_timer_fires(struct model *model, struct model_timer *timer, uint64_t now);
void model_timer_returns(struct model *model, struct model_timer *timer, uint64_t now);
/** The earliest deadline after `now`, or UINT64_MAX. */
uint64_t model_next_deadline(const struct model *model, uint64_t now);

void model_deferred(struct model *model, struct model_deferral *deferral);
void model_deferral_removed(struct model *model, struct model_deferral *deferral);
void model_deferral_runs(struct model_deferral *deferral);
bool model_deferral_armed(const struct model_deferral *deferral);

void model_doorbell_added(struct model_doorbell *doorbell);
void model_doorbell_rung(struct model *model, struct model_doorbell *doorbell);
void model_doorbell_removed(struct model *model, struct model_doorbell *doorbell);
void model_doorbell_runs(struct model_doorbell *doorbell);

void model_poll_added(struct model_loop *loop, int poll);
void model_poll_removed(struct model_loop *loop, int poll);
void model_poll_called(struct model_loop *loop, int poll);
void model_poll_entered(struct model_loop *loop, int poll);
void model_poll_exited(struct model_loop *loop, int poll);

/** `set` is 0 to clear the hooks. */
void model_hooks_set(struct model_loop *loop, int set, int mask);
/** A hook of `set` was called; model_callback_begins told at which point. */
void model_hook_called(struct model_loop *loop, int set);

struct model_conn *model_connect(struct model *model, enum reach reach, struct model_loop *loop,
                                 uint64_t key);
/** Two datagram sockets that send to each other. */
struct model_conn *model_open_pair(struct model *model, struct model_loop *first,
                                   struct model_loop *second, uint64_t key);
void model_attached(struct model *model, struct model_end *end, struct model_loop *loop);
void model_connected(struct model_end *end);
void model_disconnected(struct model *model, struct model_end *end);
void model_sent(struct model_end *end, uint64_t bytes, uint64_t messages);
/** `available` bytes of the stream can be read now that RECV_DATA came. */
void model_readable(struct model_end *end, uint64_t available);
/** A whole message of `length` bytes came. Returns the payload position of its first byte. */
uint64_t model_message(struct model *model, struct model_end *end, uint64_t length);
/** Bytes were taken from the stream. */
void model_taken(struct model_end *end, uint64_t length);

void model_send(struct model *model, struct model_end *end, uint64_t length);
void model_want_sent(struct model *model, struct model_end *end);
void model_close(struct model *model, struct model_end *end);
void model_finish(struct model *model, struct model_end *end);

struct model_end *model_peer(const struct model_end *end);
/** Close or finish was called, or the bind is gone. */
bool model_leaving(const struct model_end *end);
/** The length that our segment callback gives for the next message of the end. */
uint32_t model_segment_length(const struct model_end *end);
/** Payload bytes sent towards `end` that did not arrive yet. */
uint64_t model_in_flight(const struct model *model, const struct model_end *end);

/** Whether anything is still owed; `report` prints each debt. */
bool model_indebted(const struct model *model, bool report);

static inline bool
model_is_datagram(const struct model *model)
{
    return model->transport == INPROC_DATAGRAM || model->transport == UDP;
}

static inline bool
model_is_inproc(const struct model *model)
{
    return model->transport == INPROC_STREAM || model->transport == INPROC_DATAGRAM;
}

#endif
