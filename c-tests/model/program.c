/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#include "program.h"

#include <stdio.h>
#include <string.h>

#include "prng.h"

static const struct {
    const char *name;
    int weight;  /* how often, in a program about everything */
    bool stream; /* about connections rather than the loop */
    bool at_top; /* only between passes */
} kinds[OP_KINDS] = {
    [OP_ADD_TIMER]       = { "add timer", 10, false, false },
    [OP_REMOVE_TIMER]    = { "remove timer", 4, false, false },
    [OP_DEFER]           = { "defer", 12, false, false },
    [OP_REMOVE_DEFERRAL] = { "remove deferral", 2, false, false },
    [OP_ADD_DOORBELL]    = { "add doorbell", 5, false, false },
    [OP_RING]            = { "ring", 10, false, false },
    [OP_REMOVE_DOORBELL] = { "remove doorbell", 2, false, false },
    [OP_ADD_POLL]        = { "add poll", 3, false, false },
    [OP_REMOVE_POLL]     = { "remove poll", 2, false, false },
    [OP_ACTIVITY]        = { "activity", 3, false, false },
    [OP_PIN]             = { "pin", 1, false, false },
    [OP_UNPIN]           = { "unpin", 2, false, false },
    [OP_SET_HOOKS]       = { "set hooks", 4, false, false },
    [OP_CLEAR_HOOKS]     = { "clear hooks", 2, false, false },
    [OP_OPEN]            = { "open", 14, true, false },
    [OP_OPEN_TO_NOBODY]  = { "open to nobody", 2, true, false },
    [OP_SEND]            = { "send", 50, true, false },
    [OP_RECEIVE]         = { "receive", 16, true, false },
    [OP_CLOSE]           = { "close", 5, true, false },
    [OP_FINISH]          = { "finish", 5, true, false },
    [OP_WANT_SENT]       = { "want SENT", 5, true, false },
    [OP_RELEASE]         = { "release", 5, true, false },
    [OP_DETACH]          = { "detach", 1, true, true },
    [OP_ATTACH]          = { "attach", 1, true, true },
    [OP_LISTENER_DOWN]   = { "listener down", 1, true, true },
    [OP_LISTENER_UP]     = { "listener up", 1, true, true },
};

static const char *const trigger_names[TRIGGERS] = {
    "",          " in a timer",       " in a deferral",   " in a doorbell", " in a poll",
    " in pre_wait", " in post_wait",  " in iteration_end", " in attach",    " in CONNECTED",
    " in RECV",  " in SENT",          " in DISCONNECTED"
};

static enum op_kind
choose_kind(struct prng *prng, int loop_share, int stream_share)
{
    int total = 0, i, pick;

    for (i = 0; i < OP_KINDS; i++) {
        total += kinds[i].weight * (kinds[i].stream ? stream_share : loop_share);
    }
    pick = (int) prng_below(prng, total);
    for (i = 0; i < OP_KINDS - 1; i++) {
        pick -= kinds[i].weight * (kinds[i].stream ? stream_share : loop_share);
        if (pick < 0) {
            break;
        }
    }
    return (enum op_kind) i;
}

static uint32_t
choose_length(struct prng *prng, enum transport transport)
{
    bool datagram  = transport == INPROC_DATAGRAM || transport == UDP;
    uint32_t limit = transport == UDP ? 16384 : transport == INPROC_DATAGRAM ? 60000 : 150000;

    switch (prng_below(prng, 16)) {
        case 0:
            return datagram || prng_below(prng, 4) == 0 ? 0 : 1;
        case 1:
            return (uint32_t) prng_between(prng, 1, limit);
        case 2:
        case 3:
            return (uint32_t) prng_between(prng, 1, 16384);
        case 4:
        case 5:
        case 6:
            return (uint32_t) prng_between(prng, 1, 1500);
        default:
            return (uint32_t) prng_between(prng, 1, 80);
    }
}

static uint32_t
choose_interval_us(struct prng *prng, bool periodic)
{
    if (prng_below(prng, 8) == 0) {
        return 0;
    }
    return (uint32_t) prng_between(prng, periodic ? 150 : 1, 5000);
}

void
program_generate(struct program *program, uint64_t seed, enum transport transport)
{
    static const int shares[][2] = { { 1, 0 }, { 1, 4 }, { 1, 1 }, { 1, 1 }, { 3, 1 } };
    struct prng prng             = { mix64(seed ^ 0x6576706c) + (uint64_t) transport };
    int w, i, share, count;

    memset(program, 0, sizeof(*program));
    program->seed            = seed;
    program->transport       = transport;
    program->loops           = (int) prng_between(&prng, 1, MODEL_LOOPS);
    program->bindings        = (int) prng_between(&prng, 1, PROGRAM_BINDINGS);
    program->poll_mode       = prng_below(&prng, 4) != 0;
    program->poll_iterations = (int) prng_between(&prng, 1, 6);
    program->ending          = (int) prng_below(&prng, 6);
    program->windows_count   = (int) prng_between(&prng, 3, PROGRAM_WINDOWS);
    share                    = (int) prng_below(&prng, 5);
    for (w = 0; w < program->windows_count; w++) {
        struct window *window = &program->windows[w];

        window->advance_ns = prng_below(&prng, 4) ? 1000000 : prng_between(&prng, 1, 3000000);
        window->fine       = prng_below(&prng, 3) != 0;
        window->settle     = prng_below(&prng, 3) != 0;
        window->passes     = (int) prng_between(&prng, 1, 3);
        count              = (int) prng_below(&prng, 14);
        for (i = 0; i < count && program->ops_count < PROGRAM_OPS; i++) {
            struct op *op = &program->ops[program->ops_count++];

            op->window = w;
            op->kind   = choose_kind(&prng, shares[share][0], shares[share][1]);
            if (w == 0 && i < 3 && shares[share][1] > 0) {
                op->kind = OP_OPEN;
            }
            op->slot    = (uint32_t) prng_next(&prng);
            op->choice  = (uint32_t) prng_next(&prng);
            op->salt    = (uint32_t) prng_next(&prng);
            op->amount  = op->kind == OP_ADD_TIMER ? choose_interval_us(&prng, op->choice & 1)
                                                   : choose_length(&prng, transport);
            op->trigger = prng_below(&prng, 2) || kinds[op->kind].at_top
                              ? AT_TOP
                              : (enum trigger) prng_between(&prng, 1, TRIGGERS - 1);
        }
    }
}

void
program_describe_op(const struct program *program, int op, char *text, int size)
{
    const struct op *o = &program->ops[op];

    snprintf(text, (size_t) size, "op %d (window %d): %s%s, slot %u choice %u amount %u", op,
             o->window, kinds[o->kind].name, trigger_names[o->trigger], o->slot % 1000, o->choice % 1000,
             o->amount);
}
