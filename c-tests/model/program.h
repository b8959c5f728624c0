/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* A random program: operations by window and by the callback that performs them. */

#ifndef MODEL_PROGRAM_H
#define MODEL_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "model.h"

#define PROGRAM_WINDOWS  24
#define PROGRAM_OPS      320
#define PROGRAM_SLOTS    6
#define PROGRAM_BINDINGS 3

enum op_kind {
    OP_ADD_TIMER,
    OP_REMOVE_TIMER,
    OP_DEFER,
    OP_REMOVE_DEFERRAL,
    OP_ADD_DOORBELL,
    OP_RING,
    OP_REMOVE_DOORBELL,
    OP_ADD_POLL,
    OP_REMOVE_POLL,
    OP_ACTIVITY,
    OP_PIN,
    OP_UNPIN,
    OP_SET_HOOKS,
    OP_CLEAR_HOOKS,
    OP_OPEN,
    OP_OPEN_TO_NOBODY,
    OP_SEND,
    OP_RECEIVE,
    OP_CLOSE,
    OP_FINISH,
    OP_WANT_SENT,
    OP_RELEASE,
    OP_DETACH,
    OP_ATTACH,
    OP_LISTENER_DOWN,
    OP_LISTENER_UP,
    OP_KINDS
};

/* The callback that performs an operation: the next one of its kind, whosever it is. */
enum trigger {
    AT_TOP, /* none: between passes */
    IN_TIMER,
    IN_DEFERRAL,
    IN_DOORBELL,
    IN_POLL,
    IN_PRE_WAIT,
    IN_POST_WAIT,
    IN_END,
    IN_ATTACH,
    IN_CONNECTED,
    IN_RECEIVE,
    IN_SENT,
    IN_DISCONNECTED,
    TRIGGERS
};

struct op {
    enum op_kind kind;
    enum trigger trigger;
    int window;
    uint32_t slot;   /* of whatever the operation is on */
    uint32_t choice; /* of its variant: side, mode, interval or not */
    uint32_t amount; /* bytes or microseconds */
    uint32_t salt;   /* for what the driver still has to choose */
};

struct window {
    uint64_t advance_ns;
    bool fine;   /* stop at every deadline, and a nanosecond before it */
    bool settle; /* pay all debts before the next window */
    int passes;
};

struct program {
    uint64_t seed;
    enum transport transport;
    int loops;
    int bindings;
    bool poll_mode;
    int poll_iterations;
    int ending; /* which of the orders of tearing down */
    int windows_count;
    struct window windows[PROGRAM_WINDOWS];
    int ops_count;
    struct op ops[PROGRAM_OPS];
    bool dropped[PROGRAM_OPS]; /* by a search for a shorter failing program */
};

void program_generate(struct program *program, uint64_t seed, enum transport transport);
void program_describe_op(const struct program *program, int op, char *text, int size);

#endif
