/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#include "model.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prng.h"

/* ------------------------------------------------------------------ the table of obligations */

enum cause {
    TIMER_ADDED,
    TIMER_REMOVED,
    DEFERRED,
    DEFERRAL_REMOVED,
    DOORBELL_RUNG,
    DOORBELL_REMOVED,
    CONNECT_SERVED,
    CONNECT_UNSERVED,
    CONNECT_NOBODY,
    ATTACH,
    SEND,
    SEND_IN_DOUBT,
    CLOSE,
    FINISH,
    PEER_LEAVES,
    UNCONNECTED_PEER_LEAVES,
    GONE
};

enum whose { SELF, PEER };

enum amount {
    NONE,        /* from now on never */
    NO_LONGER,   /* may still come, but what is open is no longer owed */
    AT_MOST_ONE, /* one more may come */
    EXACTLY_ONE, /* one more, however often it is owed before it comes */
    MORE,        /* exactly n more */
    PERHAPS_MORE /* up to n more */
};

static const struct obligation {
    enum cause cause;
    enum whose whose;
    enum effect effect;
    enum amount amount;
    enum when when;
} obligations[] = {
    /* an operation, on whom,         owes effect     so often      until */
    { TIMER_ADDED,             SELF,  FIRES,          EXACTLY_ONE,  IN_FULL_PASS },
    { TIMER_REMOVED,           SELF,  FIRES,          NONE,         EVENTUALLY },
    { DEFERRED,                SELF,  FIRES,          EXACTLY_ONE,  IN_PASS },
    { DEFERRAL_REMOVED,        SELF,  FIRES,          NONE,         EVENTUALLY },
    { DOORBELL_RUNG,           SELF,  FIRES,          EXACTLY_ONE,  IN_FULL_PASS },
    { DOORBELL_REMOVED,        SELF,  FIRES,          NONE,         EVENTUALLY },

    { CONNECT_SERVED,          SELF,  CONNECTED,      EXACTLY_ONE,  EVENTUALLY },
    { CONNECT_SERVED,          PEER,  ATTACHED,       EXACTLY_ONE,  EVENTUALLY },
    { CONNECT_UNSERVED,        SELF,  CONNECTED,      AT_MOST_ONE,  EVENTUALLY },
    { CONNECT_UNSERVED,        SELF,  DISCONNECTED,   EXACTLY_ONE,  EVENTUALLY },
    { CONNECT_NOBODY,          SELF,  DISCONNECTED,   EXACTLY_ONE,  EVENTUALLY },
    { ATTACH,                  SELF,  CONNECTED,      EXACTLY_ONE,  IN_PASS },

    { SEND,                    PEER,  ARRIVES,        MORE,         EVENTUALLY },
    { SEND,                    SELF,  SENT_BYTES,     MORE,         EVENTUALLY },
    { SEND,                    SELF,  SENT_MESSAGES,  MORE,         EVENTUALLY },
    { SEND_IN_DOUBT,           PEER,  ARRIVES,        PERHAPS_MORE, EVENTUALLY },
    { SEND_IN_DOUBT,           SELF,  SENT_BYTES,     PERHAPS_MORE, EVENTUALLY },
    { SEND_IN_DOUBT,           SELF,  SENT_MESSAGES,  PERHAPS_MORE, EVENTUALLY },

    { CLOSE,                   SELF,  DISCONNECTED,   EXACTLY_ONE,  IN_FULL_PASS },
    { CLOSE,                   SELF,  CONNECTED,      NONE,         EVENTUALLY },
    { CLOSE,                   SELF,  ARRIVES,        NONE,         EVENTUALLY },
    { CLOSE,                   SELF,  SENT_BYTES,     NONE,         EVENTUALLY },
    { CLOSE,                   SELF,  SENT_MESSAGES,  NONE,         EVENTUALLY },
    { FINISH,                  SELF,  DISCONNECTED,   EXACTLY_ONE,  EVENTUALLY },
    { FINISH,                  SELF,  ARRIVES,        NO_LONGER,    EVENTUALLY },
    { PEER_LEAVES,             SELF,  DISCONNECTED,   EXACTLY_ONE,  EVENTUALLY },
    { PEER_LEAVES,             SELF,  SENT_BYTES,     NO_LONGER,    EVENTUALLY },
    { PEER_LEAVES,             SELF,  SENT_MESSAGES,  NO_LONGER,    EVENTUALLY },

    { GONE,                    SELF,  CONNECTED,      NONE,         EVENTUALLY },
    { GONE,                    SELF,  DISCONNECTED,   NONE,         EVENTUALLY },
    { GONE,                    SELF,  ARRIVES,        NONE,         EVENTUALLY },
    { GONE,                    SELF,  SENT_BYTES,     NONE,         EVENTUALLY },
    { GONE,                    SELF,  SENT_MESSAGES,  NONE,         EVENTUALLY },
};

static const char *const effect_names[EFFECTS] = { "callback",  "attach", "CONNECTED",
                                                   "DISCONNECTED", "RECV",   "SENT bytes",
                                                   "SENT messages" };

/* --------------------------------------------------------------------- accounts and payments */

void
model_fail(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    fprintf(stderr, "FAILED: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    model_describe_place();
    fflush(stderr);
    _exit(3);
}

/** Sets from and until when what is newly owed is due. */
static void
set_due(struct account *account, const struct ledger *ledger, enum when when)
{
    const struct model_loop *loop = ledger->loop;
    enum phase last               = when == IN_PASS ? AT_WORK : AT_PRE_WAIT;
    bool this_pass;

    account->when      = when;
    account->from_pass = 0;
    account->from_ns   = 0;
    account->by_pass   = 0;
    if (when == EVENTUALLY || loop == NULL || loop->destroying) {
        return;
    }
    this_pass = loop->in_pass && loop->phase <= last && (when == IN_PASS || loop->full);
    account->from_pass = this_pass ? loop->pass : loop->pass + 1;
    account->by_pass   = this_pass ? loop->pass : 0;
}

static void
owe(struct ledger *ledger, enum effect effect, enum amount amount, enum when when, uint64_t n)
{
    struct account *account = &ledger->accounts[effect];

    switch (amount) {
        case NONE:
            account->min = account->max = account->paid;
            break;
        case NO_LONGER:
            account->min = account->paid;
            break;
        case AT_MOST_ONE:
            account->max = account->paid + 1;
            break;
        case EXACTLY_ONE:
            if (account->min == account->paid || when < account->when) {
                set_due(account, ledger, when);
            }
            account->min = account->max = account->paid + 1;
            break;
        case MORE:
            account->min += n;
            account->max += n;
            account->when = when;
            break;
        case PERHAPS_MORE:
            account->max += n;
            account->when = when;
            break;
    }
}

/** Books what an operation on `self` owes; `n` gives the number for MORE, by effect. */
static void
apply(enum cause cause, struct ledger *self, struct ledger *peer, const uint64_t *n)
{
    size_t i;

    for (i = 0; i < sizeof(obligations) / sizeof(obligations[0]); i++) {
        const struct obligation *row = &obligations[i];
        struct ledger *ledger        = row->whose == SELF ? self : peer;

        if (row->cause == cause && ledger != NULL) {
            owe(ledger, row->effect, row->amount, row->when, n ? n[row->effect] : 0);
        }
    }
}

static void
pay(struct ledger *ledger, enum effect effect, uint64_t n)
{
    struct account *account       = &ledger->accounts[effect];
    const struct model_loop *loop = ledger->loop;

    if (account->paid + n > account->max) {
        model_fail("%s %d: %s is not owed: %" PRIu64 " came, at most %" PRIu64 " may, now %" PRIu64
                   " more",
                   ledger->kind, ledger->index, effect_names[effect], account->paid, account->max,
                   n);
    }
    if (loop != NULL && !loop->destroying && loop->in_pass) {
        if (loop->pass < account->from_pass) {
            model_fail("%s %d: %s came in pass %" PRIu64 ", it may from pass %" PRIu64,
                       ledger->kind, ledger->index, effect_names[effect], loop->pass,
                       account->from_pass);
        }
        if (loop->now < account->from_ns) {
            model_fail("%s %d: %s came at %" PRIu64 " ns, it may from %" PRIu64, ledger->kind,
                       ledger->index, effect_names[effect], loop->now, account->from_ns);
        }
    }
    account->paid += n;
    if (account->min < account->paid) {
        account->min = account->paid;
    }
}

static bool
is_open(const struct ledger *ledger, enum effect effect)
{
    const struct account *account = &ledger->accounts[effect];

    if (effect == ARRIVES && ledger->end != NULL && ledger->end->segmented) {
        return account->paid + model_segment_length(ledger->end) <= account->min;
    }
    return account->paid < account->min;
}

static void
fail_open(const struct ledger *ledger, enum effect effect, const char *until)
{
    const struct account *account = &ledger->accounts[effect];

    model_fail("%s %d: %s is owed and did not come %s: %" PRIu64 " of %" PRIu64, ledger->kind,
               ledger->index, effect_names[effect], until, account->paid, account->min);
}

/** The ledgers of a program, numbered from 0; NULL after the last. */
static struct ledger *
ledger_at(const struct model *model, int i)
{
    struct model *m = (struct model *) model;

    if (i < MODEL_TIMERS) {
        return &m->timers[i].ledger;
    }
    i -= MODEL_TIMERS;
    if (i < MODEL_DEFERRALS) {
        return &m->deferrals[i].ledger;
    }
    i -= MODEL_DEFERRALS;
    if (i < MODEL_DOORBELLS) {
        return &m->doorbells[i].ledger;
    }
    i -= MODEL_DOORBELLS;
    return i < 2 * m->conns_count ? &m->conns[i / 2].ends[i % 2].ledger : NULL;
}

bool
model_indebted(const struct model *model, bool report)
{
    struct ledger *ledger;
    bool indebted = false;
    int i, effect;

    /* Timers are left out: what is due of them is seen to in every pass, and there is always more. */
    for (i = MODEL_TIMERS; (ledger = ledger_at(model, i)) != NULL; i++) {
        for (effect = 0; effect < EFFECTS; effect++) {
            const struct account *account = &ledger->accounts[effect];

            if (!is_open(ledger, effect)) {
                continue;
            }
            indebted = true;
            if (!report) {
                return true;
            }
            fprintf(stderr, "  %s %d: %s %" PRIu64 " of at least %" PRIu64 "\n", ledger->kind,
                    ledger->index, effect_names[effect], account->paid, account->min);
        }
    }
    return indebted;
}

/* --------------------------------------------------------------------------- loops and passes */

static void
init_ledger(struct ledger *ledger, const char *kind, int index, struct model_loop *loop)
{
    ledger->kind  = kind;
    ledger->index = index;
    ledger->loop  = loop;
}

void
model_reset(struct model *model, enum transport transport, int loops)
{
    int i;

    for (i = 0; i < model->conns_count; i++) {
        free(model->conns[i].ends[0].lengths);
        free(model->conns[i].ends[1].lengths);
    }
    memset(model, 0, sizeof(*model));
    model->transport   = transport;
    model->loops_count = loops;
    for (i = 0; i < loops; i++) {
        model->loops[i].index = i;
    }
    for (i = 0; i < MODEL_TIMERS; i++) {
        init_ledger(&model->timers[i].ledger, "timer", i, &model->loops[i % loops]);
    }
    for (i = 0; i < MODEL_DEFERRALS; i++) {
        init_ledger(&model->deferrals[i].ledger, "deferral", i, &model->loops[i % loops]);
    }
    for (i = 0; i < MODEL_DOORBELLS; i++) {
        init_ledger(&model->doorbells[i].ledger, "doorbell", i, &model->loops[i % loops]);
    }
}

void
model_loop_created(struct model_loop *loop, bool poll_mode, uint64_t poll_iterations,
                   uint64_t spin_ns, uint64_t now)
{
    loop->poll_config     = poll_mode;
    loop->poll_iterations = poll_iterations;
    loop->spin_ns         = spin_ns;
    loop->activity_ns     = now;
}

void
model_loop_destroying(struct model *model, struct model_loop *loop)
{
    int i;

    loop->destroying = true;
    for (i = 0; i < 2 * model->conns_count; i++) {
        struct model_end *end = &model->conns[i / 2].ends[i % 2];

        if (end->exists && end->ledger.loop == loop) {
            model_close(model, end);
        }
    }
}

static int
registered_polls(const struct model_loop *loop)
{
    int i, count = 0;

    for (i = 0; i < MODEL_POLLS; i++) {
        count += loop->polls[i].registered;
    }
    return count;
}

/** Decides, once per full pass and after its timers, whether the loop polls. */
static void
account_activity(struct model_loop *loop)
{
    bool counts      = loop->poll_config && registered_polls(loop) > 0;
    uint64_t elapsed = 0;
    int i;

    if (counts) {
        if (loop->activity != loop->activity_seen) {
            loop->activity_seen = loop->activity;
            loop->activity_ns   = loop->now;
        }
        elapsed = loop->now - loop->activity_ns;
    }
    if (loop->pins == 0 && elapsed > loop->spin_ns) {
        for (i = 0; loop->poll_mode && i < MODEL_POLLS; i++) {
            loop->polls[i].exits = loop->polls[i].registered;
        }
        loop->poll_mode = false;
    } else if (counts && !loop->poll_mode) {
        for (i = 0; i < MODEL_POLLS; i++) {
            loop->polls[i].enters = loop->polls[i].registered;
        }
        loop->poll_mode  = true;
        loop->iterations = 0;
    }
}

static void
leave_phase(const struct model_loop *loop)
{
    int i;

    if (loop->hook_owed != 0) {
        model_fail("loop %d: hook of set %d for phase %d is installed and did not run",
                   loop->index, loop->hook_owed, loop->phase);
    }
    for (i = 0; loop->phase == AT_POLL_MODE && i < MODEL_POLLS; i++) {
        if (loop->polls[i].enters || loop->polls[i].exits) {
            model_fail("loop %d: poll %d did not get its %s callback", loop->index, i,
                       loop->polls[i].enters ? "enter" : "exit");
        }
    }
}

static void
advance_phase(struct model_loop *loop, enum phase target)
{
    while (loop->phase < target) {
        int hook = 0;

        leave_phase(loop);
        loop->phase++;
        switch (loop->phase) {
            case AT_POLL_MODE:
                account_activity(loop);
                break;
            case AT_PRE_WAIT:
                hook = HOOK_PRE_WAIT;
                break;
            case AT_POST_WAIT:
                hook = HOOK_POST_WAIT;
                break;
            case AT_END:
                hook = HOOK_END;
                break;
            default:
                break;
        }
        loop->hook_owed = loop->hooks_mask & hook ? loop->hooks : 0;
    }
}

void
model_pass_begins(struct model *model, struct model_loop *loop, uint64_t now)
{
    struct ledger *ledger;
    int i, effect;

    loop->pass++;
    loop->now     = now;
    loop->in_pass = true;
    loop->full    = !(loop->poll_mode && loop->iterations < loop->poll_iterations);
    loop->phase   = loop->full ? AT_TIMERS : AT_WORK;
    for (i = 0; i < MODEL_POLLS; i++) {
        loop->polls[i].added_in_pass = false;
        loop->polls[i].calls         = !loop->full && loop->polls[i].registered;
    }
    for (i = 0; i < 2 * model->conns_count; i++) {
        struct model_end *end = &model->conns[i / 2].ends[i % 2];

        if (end->ledger.loop == loop && end->connected) {
            end->flushing = model_is_datagram(model) ? end->queued_messages : end->queued;
        }
    }
    for (i = 0; (ledger = ledger_at(model, i)) != NULL; i++) {
        for (effect = 0; ledger->loop == loop && effect < EFFECTS; effect++) {
            struct account *account = &ledger->accounts[effect];

            if (account->paid < account->min && account->by_pass == 0 &&
                (account->when == IN_PASS || (account->when == IN_FULL_PASS && loop->full)) &&
                account->from_pass <= loop->pass && account->from_ns <= now) {
                account->by_pass = loop->pass;
            }
        }
    }
}

void
model_pass_ends(struct model *model, struct model_loop *loop)
{
    struct ledger *ledger;
    int i, effect;

    advance_phase(loop, AT_END);
    leave_phase(loop);
    for (i = 0; i < MODEL_POLLS; i++) {
        if (loop->polls[i].calls > 0) {
            model_fail("loop %d: poll %d was not called in a polling pass", loop->index, i);
        }
    }
    for (i = 0; (ledger = ledger_at(model, i)) != NULL; i++) {
        for (effect = 0; ledger->loop == loop && effect < EFFECTS; effect++) {
            if (is_open(ledger, effect) && ledger->accounts[effect].by_pass == loop->pass) {
                fail_open(ledger, effect, "by the end of the pass");
            }
        }
    }
    /* What a connected bind had queued before the pass is now with the transport. */
    for (i = 0; i < 2 * model->conns_count; i++) {
        struct model_end *end = &model->conns[i / 2].ends[i % 2];

        if (end->ledger.loop == loop && end->flushing > end->flushed && !model_leaving(end)) {
            end->flushed = end->flushing;
        }
    }
    loop->iterations = loop->full ? 0 : loop->iterations + 1;
    loop->in_pass    = false;
}

void
model_callback_begins(struct model_loop *loop, enum phase phase)
{
    if (loop->in_callback) {
        model_fail("loop %d: a callback ran inside another one", loop->index);
    }
    loop->in_callback = true;
    if (loop->destroying) {
        return;
    }
    if (!loop->in_pass) {
        model_fail("loop %d: a callback ran outside a pass", loop->index);
    }
    if (phase < loop->phase) {
        model_fail("loop %d: a callback of phase %d ran after phase %d began", loop->index, phase,
                   loop->phase);
    }
    advance_phase(loop, phase);
}

void
model_callback_ends(struct model_loop *loop)
{
    loop->in_callback = false;
}

/* ---------------------------------------------------- timers, deferrals, doorbells, polls, hooks */

void
model_timer_added(struct model *model, struct model_timer *timer, bool periodic,
                  uint64_t interval_us, uint64_t now)
{
    struct account *account       = &timer->ledger.accounts[FIRES];
    const struct model_loop *loop = timer->ledger.loop;

    model_timer_removed(model, timer);
    timer->registered  = true;
    timer->armed_again = true;
    timer->periodic    = periodic;
    timer->interval_ns = interval_us * 1000;
    apply(TIMER_ADDED, &timer->ledger, NULL, NULL);
    /* A timer that a timer adds may fire in the same scan if it is due at once, and need not. */
    account->by_pass   = 0;
    account->from_ns   = now + timer->interval_ns;
    account->from_pass = loop->in_pass ? loop->pass : loop->pass + 1;
    if (loop->in_pass && (loop->phase > AT_TIMERS || timer->fired_in_pass == loop->pass)) {
        account->from_pass = loop->pass + 1;
    }
}

void
model_timer_removed(struct model *model, struct model_timer *timer)
{
    (void) model;
    timer->registered = false;
    apply(TIMER_REMOVED, &timer->ledger, NULL, NULL);
}

void
model_timer_fires(struct model *model, struct model_timer *timer, uint64_t now)
{
    const struct model_loop *loop = timer->ledger.loop;
    uint64_t deadline             = timer->ledger.accounts[FIRES].from_ns;
    int i;

    if (now < deadline) {
        model_fail("timer %d fired at %" PRIu64 " ns, its deadline is %" PRIu64,
                   timer->ledger.index, now, deadline);
    }
    pay(&timer->ledger, FIRES, 1);
    for (i = 0; i < MODEL_TIMERS; i++) {
        const struct ledger *other = &model->timers[i].ledger;

        if (other->loop == loop && !loop->destroying && is_open(other, FIRES) &&
            other->accounts[FIRES].by_pass == loop->pass &&
            other->accounts[FIRES].from_ns < deadline) {
            model_fail("timer %d with deadline %" PRIu64 " fired before timer %d with %" PRIu64,
                       timer->ledger.index, deadline, i, other->accounts[FIRES].from_ns);
        }
    }
    timer->fired_in_pass = loop->pass;
    timer->armed_again   = false;
    if (!timer->periodic) {
        timer->registered = false;
    }
}

void
model_timer_returns(struct model *model, struct model_timer *timer, uint64_t now)
{
    if (timer->registered && timer->periodic && !timer->armed_again) {
        model_timer_added(model, timer, true, timer->interval_ns / 1000, now);
    }
}

uint64_t
model_next_deadline(const struct model *model, uint64_t now)
{
    uint64_t next = UINT64_MAX;
    int i;

    for (i = 0; i < MODEL_TIMERS; i++) {
        const struct account *account = &model->timers[i].ledger.accounts[FIRES];

        if (account->paid < account->min && account->from_ns > now && account->from_ns < next) {
            next = account->from_ns;
        }
    }
    return next;
}

void
model_deferred(struct model *model, struct model_deferral *deferral)
{
    struct account *account       = &deferral->ledger.accounts[FIRES];
    const struct model_loop *loop = deferral->ledger.loop;
    bool armed                    = model_deferral_armed(deferral);

    (void) model;
    apply(DEFERRED, &deferral->ledger, NULL, NULL);
    if (!armed && loop->in_pass && deferral->ran_in_pass == loop->pass) {
        account->from_pass = loop->pass + 1;
        account->by_pass   = 0;
    }
}

void
model_deferral_removed(struct model *model, struct model_deferral *deferral)
{
    (void) model;
    apply(DEFERRAL_REMOVED, &deferral->ledger, NULL, NULL);
}

void
model_deferral_runs(struct model_deferral *deferral)
{
    pay(&deferral->ledger, FIRES, 1);
    deferral->ran_in_pass = deferral->ledger.loop->pass;
}

bool
model_deferral_armed(const struct model_deferral *deferral)
{
    return is_open(&deferral->ledger, FIRES);
}

void
model_doorbell_added(struct model_doorbell *doorbell)
{
    doorbell->registered = true;
}

void
model_doorbell_rung(struct model *model, struct model_doorbell *doorbell)
{
    (void) model;
    apply(DOORBELL_RUNG, &doorbell->ledger, NULL, NULL);
}

void
model_doorbell_removed(struct model *model, struct model_doorbell *doorbell)
{
    (void) model;
    doorbell->registered = false;
    apply(DOORBELL_REMOVED, &doorbell->ledger, NULL, NULL);
}

void
model_doorbell_runs(struct model_doorbell *doorbell)
{
    pay(&doorbell->ledger, FIRES, 1);
}

void
model_poll_added(struct model_loop *loop, int poll)
{
    memset(&loop->polls[poll], 0, sizeof(loop->polls[poll]));
    loop->polls[poll].registered    = true;
    loop->polls[poll].added_in_pass = loop->in_pass;
}

void
model_poll_removed(struct model_loop *loop, int poll)
{
    memset(&loop->polls[poll], 0, sizeof(loop->polls[poll]));
    if (registered_polls(loop) == 0) {
        loop->poll_mode = false;
    }
}

void
model_poll_called(struct model_loop *loop, int poll)
{
    struct model_poll *p = &loop->polls[poll];

    if (loop->destroying) {
        return;
    }
    if (!p->registered || loop->full || (p->calls == 0 && !p->added_in_pass)) {
        model_fail("loop %d: poll %d was called %s", loop->index, poll,
                   !p->registered ? "after its removal"
                   : loop->full   ? "in a pass that does not poll"
                                  : "twice in one pass");
    }
    p->calls         = 0;
    p->added_in_pass = false;
}

void
model_poll_entered(struct model_loop *loop, int poll)
{
    if (!loop->destroying && loop->polls[poll].enters-- != 1) {
        model_fail("loop %d: poll %d got an enter callback that is not owed", loop->index, poll);
    }
}

void
model_poll_exited(struct model_loop *loop, int poll)
{
    if (!loop->destroying && loop->polls[poll].exits-- != 1) {
        model_fail("loop %d: poll %d got an exit callback that is not owed", loop->index, poll);
    }
}

void
model_hooks_set(struct model_loop *loop, int set, int mask)
{
    loop->hooks      = set;
    loop->hooks_mask = mask;
}

void
model_hook_called(struct model_loop *loop, int set)
{
    if (loop->destroying ? loop->hooks != set : loop->hook_owed != set) {
        model_fail("loop %d: a hook of set %d ran in phase %d, owed is one of %d", loop->index, set,
                   loop->phase, loop->hook_owed);
    }
    loop->hook_owed = 0;
}

/* ------------------------------------------------------------------------------------- binds */

struct model_end *
model_peer(const struct model_end *end)
{
    return &end->conn->ends[!end->side];
}

bool
model_leaving(const struct model_end *end)
{
    return end->closed || end->finishing || end->gone;
}

uint32_t
model_segment_length(const struct model_end *end)
{
    uint64_t key = end->conn->keys[!end->side] ^ 0x5e65ULL;
    uint64_t r   = payload_block(key, end->segment);

    return r % 8 == 0 ? 2000 + (r >> 8) % 20000 : 1 + (r >> 8) % 300;
}

uint64_t
model_in_flight(const struct model *model, const struct model_end *end)
{
    const struct model_end *from = model_peer(end);

    return model_is_datagram(model) ? from->queued - end->position
                                    : from->queued - end->ledger.accounts[ARRIVES].paid;
}

static bool
counts_messages(const struct model *model, const struct model_end *end)
{
    return model_is_inproc(model) || model->transport == UDP || end->segmented;
}

/** What is still owed to `end` shrinks to what had arrived when `floor` in all has. */
static void
release_arrivals(struct model_end *end, uint64_t floor)
{
    struct account *account = &end->ledger.accounts[ARRIVES];

    if (floor < account->paid) {
        floor = account->paid;
    }
    if (account->min > floor) {
        account->min = floor;
    }
}

static struct model_conn *
new_conn(struct model *model, enum reach reach, uint64_t key)
{
    struct model_conn *conn;
    int side;

    if (model->conns_count == MODEL_CONNS) {
        return NULL;
    }
    conn        = &model->conns[model->conns_count];
    conn->id    = model->conns_count++;
    conn->reach = reach;
    for (side = 0; side < 2; side++) {
        conn->ends[side].conn       = conn;
        conn->ends[side].side       = side;
        conn->keys[side]            = mix64(key + side);
        conn->ends[side].ledger.end = &conn->ends[side];
        init_ledger(&conn->ends[side].ledger, side ? "second end of" : "first end of", conn->id,
                    NULL);
    }
    return conn;
}

struct model_conn *
model_connect(struct model *model, enum reach reach, struct model_loop *loop, uint64_t key)
{
    struct model_conn *conn = new_conn(model, reach, key);
    enum cause cause        = reach == SERVED     ? CONNECT_SERVED
                              : reach == UNSERVED ? CONNECT_UNSERVED
                                                  : CONNECT_NOBODY;

    if (conn != NULL) {
        conn->ends[0].exists      = true;
        conn->ends[0].ledger.loop = loop;
        apply(cause, &conn->ends[0].ledger, &conn->ends[1].ledger, NULL);
    }
    return conn;
}

struct model_conn *
model_open_pair(struct model *model, struct model_loop *first, struct model_loop *second,
                uint64_t key)
{
    struct model_conn *conn = new_conn(model, UNCONNECTED, key);
    int side;

    for (side = 0; conn != NULL && side < 2; side++) {
        conn->ends[side].exists      = true;
        conn->ends[side].connected   = true;
        conn->ends[side].ledger.loop = side ? second : first;
    }
    return conn;
}

void
model_attached(struct model *model, struct model_end *end, struct model_loop *loop)
{
    (void) model;
    pay(&end->ledger, ATTACHED, 1);
    end->exists      = true;
    end->ledger.loop = loop;
    apply(ATTACH, &end->ledger, NULL, NULL);
    if (model_leaving(model_peer(end))) {
        apply(PEER_LEAVES, &end->ledger, NULL, NULL);
    }
}

void
model_connected(struct model_end *end)
{
    pay(&end->ledger, CONNECTED, 1);
    end->connected = true;
}

void
model_disconnected(struct model *model, struct model_end *end)
{
    static const enum effect before[] = { CONNECTED, ARRIVES, SENT_BYTES, SENT_MESSAGES };
    size_t i;

    pay(&end->ledger, DISCONNECTED, 1);
    if (!end->connected && !model_is_inproc(model)) {
        /* The connection broke before we learned that it stood; what came meanwhile is lost. */
        release_arrivals(end, 0);
    }
    for (i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        if (is_open(&end->ledger, before[i])) {
            fail_open(&end->ledger, before[i], "before DISCONNECTED");
        }
    }
    end->gone = true;
    apply(GONE, &end->ledger, NULL, NULL);
}

void
model_sent(struct model_end *end, uint64_t bytes, uint64_t messages)
{
    if (!end->wants_sent || !end->connected) {
        model_fail("%s %d: SENT came %s", end->ledger.kind, end->ledger.index,
                   end->wants_sent ? "before CONNECTED" : "without being asked for");
    }
    if (bytes == 0 && messages == 0) {
        model_fail("%s %d: SENT of nothing", end->ledger.kind, end->ledger.index);
    }
    pay(&end->ledger, SENT_BYTES, bytes);
    pay(&end->ledger, SENT_MESSAGES, messages);
}

void
model_readable(struct model_end *end, uint64_t available)
{
    if (!end->connected) {
        model_fail("%s %d: RECV_DATA before CONNECTED", end->ledger.kind, end->ledger.index);
    }
    if (available <= end->available) {
        model_fail("%s %d: RECV_DATA without new bytes: %" PRIu64 " can be read, %" PRIu64
                   " could before",
                   end->ledger.kind, end->ledger.index, available, end->available);
    }
    pay(&end->ledger, ARRIVES, available - end->available);
    end->available = available;
}

uint64_t
model_message(struct model *model, struct model_end *end, uint64_t length)
{
    const struct model_end *from = model_peer(end);
    uint64_t at                  = end->position;
    uint64_t index               = end->ledger.accounts[ARRIVES].paid;
    uint64_t expected;

    if (!end->connected) {
        model_fail("%s %d: RECV_MSG before CONNECTED", end->ledger.kind, end->ledger.index);
    }
    if (model_is_datagram(model)) {
        pay(&end->ledger, ARRIVES, 1);
        expected = from->lengths[index];
    } else {
        expected = model_segment_length(end);
        pay(&end->ledger, ARRIVES, length);
        end->segment++;
    }
    if (length != expected) {
        model_fail("%s %d: a message of %" PRIu64 " bytes came, it was %" PRIu64,
                   end->ledger.kind, end->ledger.index, length, expected);
    }
    end->position += length;
    return at;
}

void
model_taken(struct model_end *end, uint64_t length)
{
    end->available -= length;
    end->position += length;
}

void
model_send(struct model *model, struct model_end *end, uint64_t length)
{
    struct model_end *peer = model_peer(end);
    bool datagram          = model_is_datagram(model);
    bool in_doubt          = end->finishing || end->conn->reach == UNSERVED || model_leaving(peer);
    uint64_t n[EFFECTS]    = { 0 };

    if (end->closed || end->gone) {
        return;
    }
    if (end->queued_messages == end->lengths_room) {
        end->lengths_room = end->lengths_room ? 2 * end->lengths_room : 16;
        end->lengths      = realloc(end->lengths, end->lengths_room * sizeof(*end->lengths));
        if (end->lengths == NULL) {
            abort();
        }
    }
    end->lengths[end->queued_messages++] = (uint32_t) length;
    end->queued += length;
    if (end->conn->reach == NOBODY) {
        return;
    }
    n[ARRIVES]       = datagram ? 1 : length;
    n[SENT_BYTES]    = end->wants_sent ? length : 0;
    n[SENT_MESSAGES] = end->wants_sent && counts_messages(model, end) ? 1 : 0;
    if (end->conn->reach == UNCONNECTED) {
        apply(in_doubt ? SEND_IN_DOUBT : SEND, NULL, &peer->ledger, n);
        apply(end->finishing ? SEND_IN_DOUBT : SEND, &end->ledger, NULL, n);
    } else {
        apply(in_doubt ? SEND_IN_DOUBT : SEND, &end->ledger, &peer->ledger, n);
    }
    if (length == 0 && !datagram && end->wants_sent) {
        end->uncounted = true;
    }
    if (end->uncounted) {
        end->ledger.accounts[SENT_MESSAGES].max = UINT64_MAX;
        end->ledger.accounts[SENT_MESSAGES].min = end->ledger.accounts[SENT_MESSAGES].paid;
    }
    if (model->transport == TCP && model_leaving(peer)) {
        /* Bytes to a closed TCP socket reset the connection, with what is under way from it. */
        release_arrivals(end, 0);
    }
}

void
model_want_sent(struct model *model, struct model_end *end)
{
    const struct model_end *peer = model_peer(end);
    uint64_t pending             = model_in_flight(model, peer);
    bool all_arrived;

    if (end->wants_sent || end->closed || end->gone) {
        return;
    }
    end->wants_sent = true;
    /* What is queued but not handed over yet is reported too; we cannot tell how much that is. */
    all_arrived = model_is_datagram(model)
                      ? peer->ledger.accounts[ARRIVES].paid == end->queued_messages
                      : pending == 0;
    if (!all_arrived) {
        end->ledger.accounts[SENT_BYTES].max += pending;
        if (counts_messages(model, end)) {
            end->ledger.accounts[SENT_MESSAGES].max += end->queued_messages;
        }
    }
}

/** `end` is leaving: what that means for the other side, and for what it had sent there. */
static void
tell_peer(struct model *model, struct model_end *end)
{
    struct model_end *peer = model_peer(end);
    bool sent_nothing      = end->queued_messages == 0;

    if (end->conn->reach == UNCONNECTED) {
        if (end->closed) {
            release_arrivals(peer, 0);
        }
        return;
    }
    if (end->closed) {
        release_arrivals(peer, model_is_inproc(model) && peer->exists ? end->flushed : 0);
    } else if (model->transport == TCP && model_in_flight(model, end) > 0) {
        /* Closing a TCP socket with unread bytes resets the connection. */
        release_arrivals(peer, 0);
    }
    if (end->conn->reach != SERVED) {
        return;
    }
    if (!peer->exists) {
        /* The first end gives up before it was accepted; it may never be. */
        if ((end->closed || sent_nothing) &&
            (model_is_inproc(model) || (model->transport == TCP && !end->connected))) {
            owe(&peer->ledger, ATTACHED, NO_LONGER, EVENTUALLY, 0);
        }
        return;
    }
    if (!peer->gone) {
        apply(PEER_LEAVES, &peer->ledger, NULL, NULL);
        if (!peer->connected && !model_is_inproc(model)) {
            owe(&peer->ledger, CONNECTED, NO_LONGER, EVENTUALLY, 0);
        }
    }
}

/** The first pass in which DISCONNECTED may follow a close or finish that is called now. */
static uint64_t
first_pass_after_close(const struct model_loop *loop)
{
    uint64_t closing = loop->in_pass && loop->phase < AT_END ? loop->pass : loop->pass + 1;

    return closing + 1;
}

static bool
leaves_first(const struct model_end *end)
{
    return !end->finishing && (end->conn->reach == UNCONNECTED ||
                               (end->conn->reach == SERVED && !model_leaving(model_peer(end))));
}

void
model_close(struct model *model, struct model_end *end)
{
    struct account *account = &end->ledger.accounts[DISCONNECTED];
    bool first              = leaves_first(end);

    if (end->closed || end->gone) {
        return;
    }
    end->closed = true;
    apply(CLOSE, &end->ledger, NULL, NULL);
    tell_peer(model, end);
    if (end->ledger.loop->destroying) {
        account->when      = EVENTUALLY;
        account->from_pass = 0;
        return;
    }
    account->by_pass   = 0;
    account->from_pass = first_pass_after_close(end->ledger.loop);
    if (!first) {
        /* The bind may have been closing already; then we do not know since when. */
        account->when      = EVENTUALLY;
        account->from_pass = 0;
    }
}

void
model_finish(struct model *model, struct model_end *end)
{
    bool first = leaves_first(end);

    if (model_leaving(end)) {
        return;
    }
    end->finishing = true;
    apply(FINISH, &end->ledger, NULL, NULL);
    if (first) {
        end->ledger.accounts[DISCONNECTED].from_pass = first_pass_after_close(end->ledger.loop);
    }
    if (!end->connected) {
        owe(&end->ledger, CONNECTED, NO_LONGER, EVENTUALLY, 0);
    }
    tell_peer(model, end);
}
