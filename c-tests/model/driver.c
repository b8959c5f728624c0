/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#include "driver.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "evpl/evpl.h"

#include "prng.h"

#define BUFFER_SIZE   32768
#define DATAGRAM_SIZE 16384
#define SLAB_SIZE     (64ULL << 20)
#define SPIN_NS       700000
#define SETTLE_NS     10000000000ULL
#define HELD_MAX      48
#define GLOBALS_MAX   16
#define PIECES_MAX    32
#define STREAM_MAX    (4 << 20)

struct end {
    struct model_end *model;
    struct evpl_bind *bind; /* NULL while there is none */
    struct evpl_endpoint *to; /* where a datagram socket sends to */
    uint64_t reject_segment;  /* at which our segment callback gives up */
};

struct conn {
    struct end ends[2];
    char client_address[EVPL_ADDRESS_STRLEN];
    int turn; /* number of the attachment that is to get it */
};

struct attachment {
    struct evpl_listener_binding *binding; /* NULL if detached */
    int loop;
    int expected;
    int attached;
};

/* A reference that we own, and what its bytes must stay until we release it. */
struct held {
    struct evpl_iovec iovec;
    struct evpl *evpl;
    uint64_t key, position;
};

struct lent {
    struct evpl_iovec iovec;
    struct end *end;
    uint64_t until; /* the end's stream position behind the last use */
};

static struct {
    /* For the life of the process. */
    enum evpl_protocol_id protocol;
    enum transport transport;
    const char *dir;
    bool verbose;
    unsigned int names;
    int port;
    int descriptors;
    uint8_t scratch[STREAM_MAX];

    /* For the program. */
    const struct program *program;
    struct model model;
    int window, op;
    struct evpl *evpls[MODEL_LOOPS];
    struct evpl_timer timers[MODEL_TIMERS];
    struct evpl_deferral deferrals[MODEL_DEFERRALS];
    struct evpl_doorbell doorbells[MODEL_DOORBELLS];
    struct {
        struct evpl_poll *handle;
        uintptr_t generation;
    } polls[MODEL_LOOPS][MODEL_POLLS];
    uintptr_t generations;
    int hook_sets;

    struct evpl_listener *listener;
    struct evpl_endpoint *endpoint;
    char address[EVPL_ADDRESS_STRLEN];
    struct attachment attachments[64];
    int attachments_count;
    int turns[64]; /* attachments in the order in which they take turns */
    int turns_count, rotor;
    bool turns_uncertain;

    struct conn conns[MODEL_CONNS];
    struct conn *slots[PROGRAM_SLOTS];
    struct held held[HELD_MAX];
    int held_count;
    struct lent lent[GLOBALS_MAX];
    int lent_count;
    struct {
        int ops[PROGRAM_OPS];
        int head, tail;
    } triggered[TRIGGERS];
    struct evpl_address *sender; /* during RECV_MSG on a datagram socket */
    struct end *sender_end;
} d;

static void execute(int op);

#define trace(...)                                   \
    do {                                             \
        if (d.verbose) {                             \
            fprintf(stderr, "[%" PRIu64 "] ", now()); \
            fprintf(stderr, __VA_ARGS__);            \
            fprintf(stderr, "\n");                   \
        }                                            \
    } while (0)

static uint64_t
now(void)
{
    return evpl_virtual_clock_now();
}

void
model_describe_place(void)
{
    char text[160] = "";

    if (d.program == NULL) {
        return;
    }
    if (d.op >= 0) {
        program_describe_op(d.program, d.op, text, sizeof(text));
    }
    fprintf(stderr, "  in window %d of %d, last %s\n", d.window, d.program->windows_count, text);
}

static struct model_loop *
loop_of(const struct evpl *evpl)
{
    int i;

    for (i = 0; i < d.program->loops; i++) {
        if (d.evpls[i] == evpl) {
            return &d.model.loops[i];
        }
    }
    model_fail("a callback got loop %p, which is none of ours", (const void *) evpl);
}

static struct evpl *
evpl_of(const struct end *end)
{
    return d.evpls[end->model->ledger.loop->index];
}

/* -------------------------------------------------------------------- callbacks of the loop */

static struct model_loop *
begin(const struct evpl *evpl, enum phase phase)
{
    struct model_loop *loop = loop_of(evpl);

    model_callback_begins(loop, phase);
    return loop;
}

/** Performs the operations that wait for a callback of this kind. */
static void
run_triggered(enum trigger trigger)
{
    int n;

    for (n = 0; n < 2 && d.triggered[trigger].head < d.triggered[trigger].tail; n++) {
        execute(d.triggered[trigger].ops[d.triggered[trigger].head++]);
    }
}

static void
on_timer(struct evpl *evpl, struct evpl_timer *timer)
{
    struct model_loop *loop   = begin(evpl, AT_TIMERS);
    struct model_timer *model = &d.model.timers[timer - d.timers];

    trace("timer %d", (int) (timer - d.timers));
    if (model->ledger.loop != loop) {
        model_fail("timer %d fired on the wrong loop", model->ledger.index);
    }
    model_timer_fires(&d.model, model, now());
    if (!model->registered) {
        memset(timer, 0x55, sizeof(*timer));
    }
    run_triggered(IN_TIMER);
    model_timer_returns(&d.model, model, now());
    model_callback_ends(loop);
}

static void
on_deferral(struct evpl *evpl, void *private_data)
{
    struct model_loop *loop         = begin(evpl, AT_WORK);
    struct model_deferral *deferral = &d.model.deferrals[(uintptr_t) private_data];

    trace("deferral %d", deferral->ledger.index);
    if (deferral->ledger.loop != loop) {
        model_fail("deferral %d ran on the wrong loop", deferral->ledger.index);
    }
    model_deferral_runs(deferral);
    run_triggered(IN_DEFERRAL);
    model_callback_ends(loop);
}

static void
on_doorbell(struct evpl *evpl, struct evpl_doorbell *doorbell)
{
    struct model_loop *loop      = begin(evpl, AT_WORK);
    struct model_doorbell *model = &d.model.doorbells[doorbell - d.doorbells];

    trace("doorbell %d", model->ledger.index);
    if (model->ledger.loop != loop) {
        model_fail("doorbell %d ran on the wrong loop", model->ledger.index);
    }
    model_doorbell_runs(model);
    run_triggered(IN_DOORBELL);
    model_callback_ends(loop);
}

static int
poll_of(const struct model_loop *loop, const void *private_data)
{
    int i;

    for (i = 0; i < MODEL_POLLS; i++) {
        if (d.polls[loop->index][i].generation == (uintptr_t) private_data) {
            return i;
        }
    }
    model_fail("loop %d: a removed poll was called", loop->index);
}

static void
on_poll(struct evpl *evpl, void *private_data)
{
    struct model_loop *loop = begin(evpl, AT_WORK);

    model_poll_called(loop, poll_of(loop, private_data));
    run_triggered(IN_POLL);
    model_callback_ends(loop);
}

static void
on_poll_enter(struct evpl *evpl, void *private_data)
{
    struct model_loop *loop = begin(evpl, AT_POLL_MODE);

    trace("poll enter on loop %d", loop->index);
    model_poll_entered(loop, poll_of(loop, private_data));
    model_callback_ends(loop);
}

static void
on_poll_exit(struct evpl *evpl, void *private_data)
{
    struct model_loop *loop = begin(evpl, AT_POLL_MODE);

    trace("poll exit on loop %d", loop->index);
    model_poll_exited(loop, poll_of(loop, private_data));
    model_callback_ends(loop);
}

static void
on_hook(struct evpl *evpl, void *private_data, enum phase phase, enum trigger trigger)
{
    struct model_loop *loop = begin(evpl, phase);

    model_hook_called(loop, (int) (uintptr_t) private_data);
    run_triggered(trigger);
    model_callback_ends(loop);
}

static void
on_pre_wait(struct evpl *evpl, void *private_data)
{
    on_hook(evpl, private_data, AT_PRE_WAIT, IN_PRE_WAIT);
}

static void
on_post_wait(struct evpl *evpl, void *private_data)
{
    on_hook(evpl, private_data, AT_POST_WAIT, IN_POST_WAIT);
}

static void
on_iteration_end(struct evpl *evpl, void *private_data)
{
    on_hook(evpl, private_data, AT_END, IN_END);
}

/* ------------------------------------------------------------------- references that we hold */

static void
check_payload(const char *what, const struct model_end *end, uint64_t key, uint64_t position,
              const void *data, uint64_t length)
{
    long bad = payload_check(key, position, data, length);

    if (bad >= 0) {
        model_fail("%s %d: %s: byte %" PRIu64 " of the flow is %02x, sent was %02x",
                   end ? end->ledger.kind : "an iovec", end ? end->ledger.index : 0, what,
                   position + (uint64_t) bad, ((const uint8_t *) data)[bad],
                   payload_byte(key, position + (uint64_t) bad));
    }
}

static void
release_held(int count, bool with_loop)
{
    while (count-- > 0 && d.held_count > 0) {
        struct held *held = &d.held[--d.held_count];

        check_payload("changed while we held it", NULL, held->key, held->position,
                      evpl_iovec_data(&held->iovec), evpl_iovec_length(&held->iovec));
        evpl_iovec_release(with_loop ? held->evpl : NULL, &held->iovec);
    }
}

/** Releases our reference now, or keeps it for later. */
static void
hold_or_release(struct evpl *evpl, struct evpl_iovec *iovec, uint64_t key, uint64_t position,
                bool hold)
{
    if (!hold || d.held_count == HELD_MAX) {
        evpl_iovec_release(evpl, iovec);
        return;
    }
    d.held[d.held_count].evpl     = evpl;
    d.held[d.held_count].key      = key;
    d.held[d.held_count].position = position;
    evpl_iovec_move(&d.held[d.held_count].iovec, iovec);
    d.held_count++;
}

/** Frees the GLOBAL buffers whose bytes are surely out, or all. */
static void
release_lent(bool all)
{
    int i;

    for (i = d.lent_count - 1; i >= 0; i--) {
        struct lent *lent             = &d.lent[i];
        const struct model_end *model = lent->end->model;
        uint64_t out = model->queued - model_in_flight(&d.model, model_peer(model));

        if (all || model->gone || out >= lent->until) {
            memset(lent->iovec.data, 0xee, 64);
            evpl_iovec_release(NULL, &lent->iovec);
            d.lent[i] = d.lent[--d.lent_count];
        }
    }
}

/* -------------------------------------------------------------------------------- receiving */

static void
expect(const struct end *end, const char *call, long got, long expected)
{
    if (got != expected) {
        model_fail("%s %d: %s returned %ld instead of %ld", end->model->ledger.kind,
                   end->model->ledger.index, call, got, expected);
    }
}

/** What crossed from one loop to another inside the process may be on two threads. */
static void
check_shared(const struct evpl_iovec *iovec)
{
    if (model_is_inproc(&d.model) &&
        !(evpl_iovec_get_ref(iovec)->flags & EVPL_IOVEC_FLAG_SHARED)) {
        model_fail("an in-process receiver got a buffer that is not SHARED");
    }
}

static void
check_stream(const struct end *end, const char *what, uint64_t offset, const void *data,
             uint64_t length)
{
    check_payload(what, end->model, end->model->conn->keys[!end->model->side],
                  end->model->position + offset, data, length);
}

/** Drains up to `amount` bytes in one of the four ways, each of which has an exact answer. */
static void
receive(struct end *end, unsigned int mode, uint64_t amount, uint32_t salt)
{
    struct model_end *model = end->model;
    struct evpl *evpl       = evpl_of(end);
    struct evpl_iovec iovecs[64];
    int max = amount < 1 ? 1 : amount > STREAM_MAX ? STREAM_MAX : (int) amount;
    int got = model->available < (uint64_t) max ? (int) model->available : max;
    int count, i, length = -1, most = salt % 3 ? 64 : 2;
    uint64_t offset = 0;

    if (!model->connected) {
        return;
    }
    if (model->segmented || d.transport == INPROC_DATAGRAM || d.transport == UDP) {
        errno = 0;
        expect(end, "recv where it is refused",
               evpl_recv(evpl, end->bind, d.scratch, max, 0), -1);
        expect(end, "errno of a refused recv", errno, EINVAL);
        return;
    }
    switch (mode % 5) {
        case 0:
            expect(end, "recv", evpl_recv(evpl, end->bind, d.scratch, max, 0), got);
            check_stream(end, "recv", 0, d.scratch, (uint64_t) got);
            model_taken(model, (uint64_t) got);
            return;
        case 1:
            got = got < max ? 0 : got;
            expect(end, "recv of all or none",
                   evpl_recv(evpl, end->bind, d.scratch, max, EVPL_RECV_FLAG_ALL_OR_NONE), got);
            check_stream(end, "recv of all or none", 0, d.scratch, (uint64_t) got);
            model_taken(model, (uint64_t) got);
            return;
        case 2:
            count = evpl_recvv(evpl, end->bind, iovecs, most, max, &length);
            if (length > got || count > most || count < 0 || (count < most && length != got)) {
                model_fail("recvv of %d bytes in %d iovecs gave %d in %d, there are %d", max, most,
                           length, count, got);
            }
            for (i = 0; i < count; i++) {
                check_stream(end, "recvv", offset, iovecs[i].data, iovecs[i].length);
                check_shared(&iovecs[i]);
                offset += iovecs[i].length;
            }
            expect(end, "length of recvv", (long) offset, length);
            for (i = 0, offset = model->position; i < count; i++) {
                uint64_t next = offset + iovecs[i].length;

                hold_or_release(evpl, &iovecs[i], model->conn->keys[!model->side], offset,
                                (salt >> (8 + i % 16)) & 1);
                offset = next;
            }
            model_taken(model, (uint64_t) length);
            return;
        case 3:
            expect(end, "peek", evpl_peek(evpl, end->bind, d.scratch, max), got);
            check_stream(end, "peek", 0, d.scratch, (uint64_t) got);
            break;
        default:
            count = evpl_peekv(evpl, end->bind, iovecs, 64, max);
            for (i = 0; i < count; i++) {
                check_stream(end, "peekv", offset, iovecs[i].data, iovecs[i].length);
                offset += iovecs[i].length;
            }
            if (count < 0 || (int) offset > got || (count < 64 && (int) offset != got)) {
                model_fail("peekv of %d bytes gave %" PRIu64 " in %d, there are %d", max, offset,
                           count, got);
            }
            break;
    }
    if (salt % 4 == 0) {
        expect(end, "consume of too much",
               evpl_consume(evpl, end->bind, (int) model->available + 1), -1);
    }
    got = salt % 5 == 0 ? got / 2 : got;
    expect(end, "consume", evpl_consume(evpl, end->bind, got), 0);
    model_taken(model, (uint64_t) got);
}

/** The bytes that can be read, all of which are checked. */
static uint64_t
readable(struct end *end)
{
    int got = evpl_peek(evpl_of(end), end->bind, d.scratch, STREAM_MAX);

    if (got < 0) {
        model_fail("%s %d: peek returned %d", end->model->ledger.kind, end->model->ledger.index,
                   got);
    }
    check_stream(end, "peek of everything", 0, d.scratch, (uint64_t) got);
    return (uint64_t) got;
}

static void
on_message(struct end *end, const struct evpl_notify_recv_msg *message)
{
    struct model_end *model = end->model;
    uint64_t at             = model_message(&d.model, model, message->length);
    uint64_t key            = model->conn->keys[!model->side];
    uint64_t choice         = mix64(key + at);
    uint64_t total          = 0;
    unsigned int i;

    if (message->addr == NULL) {
        model_fail("%s %d: RECV_MSG without an address", model->ledger.kind, model->ledger.index);
    }
    if (message->niov == 0 && message->length != 0) {
        model_fail("%s %d: RECV_MSG of %u bytes without iovecs", model->ledger.kind,
                   model->ledger.index, message->length);
    }
    for (i = 0; i < message->niov; i++) {
        struct evpl_iovec *iovec = &message->iovec[i];
        unsigned int length      = iovec->length;

        check_payload("RECV_MSG", model, key, at + total, iovec->data, length);
        check_shared(iovec);
        hold_or_release(evpl_of(end), iovec, key, at + total, (choice >> (i % 60)) & 1);
        total += length;
    }
    expect(end, "the sum of RECV_MSG's iovecs", (long) total, (long) message->length);
}

/* ---------------------------------------------------------------------------------- sending */

static void
send_iovecs(struct end *end, struct evpl_iovec *iovecs, int count, int length, unsigned int flags,
            bool reply)
{
    struct evpl *evpl = evpl_of(end);

    if (d.transport != UDP) {
        evpl_sendv(evpl, end->bind, iovecs, count, length, flags);
    } else if (reply) {
        evpl_sendtov(evpl, end->bind, d.sender, iovecs, count, length, flags);
    } else {
        evpl_sendtoepv(evpl, end->bind, end->to, iovecs, count, length, flags);
    }
}

static void
send_copy(struct end *end, const void *data, uint32_t length, bool reply)
{
    struct evpl *evpl = evpl_of(end);

    if (d.transport != UDP) {
        evpl_send(evpl, end->bind, data, length);
    } else if (reply) {
        evpl_sendto(evpl, end->bind, d.sender, data, length);
    } else {
        evpl_sendtoep(evpl, end->bind, end->to, data, length);
    }
}

/** Cuts a single iovec into pieces, each with its own reference. */
static int
cut(struct evpl *evpl, struct evpl_iovec *iovecs, uint32_t salt)
{
    struct evpl_iovec whole;
    unsigned int offset = 0, piece, length = iovecs[0].length;
    int count = 0;

    evpl_iovec_move(&whole, &iovecs[0]);
    piece = length / (2 + salt % 7) + 1;
    while (offset < length) {
        unsigned int take = length - offset < piece ? length - offset : piece;

        evpl_iovec_clone_segment(&iovecs[count++], &whole, offset, take);
        offset += take;
    }
    evpl_iovec_release(evpl, &whole);
    return count;
}

static void
fill(struct evpl_iovec *iovecs, int count, uint64_t key, uint64_t position)
{
    int i;

    for (i = 0; i < count; i++) {
        payload_fill(key, position, iovecs[i].data, iovecs[i].length);
        position += iovecs[i].length;
    }
}

/** Sends `length` bytes in one of the five ways. */
static void
send_payload(struct end *end, unsigned int mode, uint32_t length, uint32_t salt)
{
    struct model_end *model = end->model;
    struct evpl *evpl       = evpl_of(end);
    uint64_t key            = model->conn->keys[model->side];
    uint64_t position       = model->queued;
    bool reply              = d.sender_end == end && salt % 2;
    uint32_t extra          = salt % 3 ? 0 : (salt >> 4) % 500;
    unsigned int flags      = mode % 5 == 2 || salt & 8 ? EVPL_SEND_FLAG_TAKE_REF : 0;
    uint64_t offset         = 0;
    struct evpl_iovec iovecs[PIECES_MAX];
    int count = 0, i;

    mode %= 5;
    if (mode == 4 && (length > BUFFER_SIZE || length == 0 || d.lent_count == GLOBALS_MAX)) {
        mode = 0;
    }
    if (length == 0 && extra == 0) {
        extra = 8;
    }
    trace("send %u bytes on %s %d, mode %u", length, model->ledger.kind, model->ledger.index, mode);
    switch (mode) {
        case 0:
            payload_fill(key, position, d.scratch, length);
            send_copy(end, d.scratch, length, reply);
            memset(d.scratch, 0xcc, length);
            model_send(&d.model, model, length);
            return;
        case 1:
        case 2:
            count = evpl_iovec_alloc(evpl, length + extra, salt & 16 ? 64 : 0, PIECES_MAX,
                                     salt & 32 ? EVPL_IOVEC_FLAG_SHARED : 0, iovecs);
            expect(end, "iovec_alloc", count, (length + extra + BUFFER_SIZE - 1) / BUFFER_SIZE);
            fill(iovecs, count, key, position);
            if (count == 1 && salt & 64) {
                count = cut(evpl, iovecs, salt >> 8);
            }
            break;
        case 3:
            if (length + extra > BUFFER_SIZE) {
                extra = 0;
            }
            count = evpl_iovec_reserve(evpl, length + extra, 0, PIECES_MAX, iovecs);
            expect(end, "iovec_reserve", count, (length + extra + BUFFER_SIZE - 1) / BUFFER_SIZE);
            if (count == 1 && length > 0) {
                evpl_iovec_set_length(&iovecs[0], length);
            }
            fill(iovecs, count, key, position);
            evpl_iovec_commit(evpl, salt & 16 ? 8 : 0, iovecs, count);
            break;
        default:
            evpl_iovec_alloc_global(evpl, &iovecs[0]);
            expect(end, "length of a global iovec", iovecs[0].length, BUFFER_SIZE);
            payload_fill(key, position, iovecs[0].data, length);
            d.lent[d.lent_count].end   = end;
            d.lent[d.lent_count].until = position + length;
            evpl_iovec_move(&d.lent[d.lent_count].iovec, &iovecs[0]);
            iovecs[0]        = d.lent[d.lent_count++].iovec;
            iovecs[0].length = length;
            send_iovecs(end, iovecs, 1, (int) length, 0, reply);
            model_send(&d.model, model, length);
            return;
    }
    send_iovecs(end, iovecs, count, (int) length, flags, reply);
    for (i = 0; i < count; i++) {
        if (flags & EVPL_SEND_FLAG_TAKE_REF) {
            if (offset < length && iovecs[i].data != NULL) {
                model_fail("a reference that was taken still has its data");
            }
        } else {
            unsigned int piece = iovecs[i].length;

            check_payload("changed by sendv", model, key, position + offset, iovecs[i].data, piece);
            hold_or_release(evpl, &iovecs[i], key, position + offset, salt & 128);
            offset += piece;
            continue;
        }
        offset += iovecs[i].length;
    }
    model_send(&d.model, model, length);
}

/* ------------------------------------------------------------------------ connections, notify */

static void
check_text(const struct end *end, const char *which, const char *got, const char *expected)
{
    if (strcmp(got, expected) != 0) {
        model_fail("%s %d: %s address is \"%s\" instead of \"%s\"", end->model->ledger.kind,
                   end->model->ledger.index, which, got, expected);
    }
}

static void
check_connected(struct end *end)
{
    char local[EVPL_ADDRESS_STRLEN], remote[EVPL_ADDRESS_STRLEN];

    evpl_bind_get_local_address(end->bind, local, sizeof(local));
    evpl_bind_get_remote_address(end->bind, remote, sizeof(remote));
    if (end->model->side == 0) {
        check_text(end, "remote", remote, d.address);
    } else {
        check_text(end, "local", local, d.address);
        if (d.transport != UNIX) {
            check_text(end, "remote", remote,
                       d.conns[end->model->conn->id].client_address);
        }
    }
    expect(end, "bind_get_protocol", evpl_bind_get_protocol(end->bind), d.protocol);
    expect(end, "bind_is_rdma", evpl_bind_is_rdma(end->bind), d.transport == INPROC_DATAGRAM);
}

static void
check_closing(struct end *end, unsigned int type)
{
    const struct model_end *model = end->model;
    int closing                   = evpl_bind_is_closing(end->bind);
    bool must = type == EVPL_NOTIFY_DISCONNECTED || model_leaving(model);
    bool may  = must || model->conn->reach == NOBODY || model->conn->reach == UNSERVED ||
               (model->conn->reach == SERVED && model_leaving(model_peer(model)));

    if (closing ? !may : must) {
        model_fail("%s %d: bind_is_closing is %d", model->ledger.kind, model->ledger.index,
                   closing);
    }
}

static void
on_readable(struct end *end)
{
    struct model_end *model = end->model;
    uint64_t choice;

    if (model->segmented || d.transport == INPROC_DATAGRAM || d.transport == UDP) {
        model_fail("%s %d: RECV_DATA where messages are delivered", model->ledger.kind,
                   model->ledger.index);
    }
    model_readable(model, readable(end));
    choice = mix64(model->conn->keys[0] + model->position + model->available);
    if (model->available > STREAM_MAX / 4) {
        receive(end, 0, model->available, 0);
    } else if (choice % 4) {
        receive(end, choice >> 8, choice & 16 ? STREAM_MAX : (choice >> 16) % 3000,
                (uint32_t) (choice >> 32));
    }
}

static void
on_disconnected(struct end *end)
{
    struct model_end *model = end->model;
    bool stream             = d.transport != INPROC_DATAGRAM && d.transport != UDP;

    if (stream && !model->segmented && !model->closed) {
        expect(end, "what can be read in DISCONNECTED", (long) readable(end),
               (long) model->available);
        receive(end, model->position % 5, STREAM_MAX, (uint32_t) model->position | 1);
    }
    model_disconnected(&d.model, model);
}

static void
on_notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify, void *private_data)
{
    static const enum trigger triggers[] = { AT_TOP,     IN_CONNECTED, IN_DISCONNECTED,
                                             IN_RECEIVE, IN_RECEIVE,   IN_SENT };
    struct model_loop *loop = begin(evpl, AT_WORK);
    struct end *end         = private_data;
    unsigned int type       = notify->notify_type;

    trace("notify %u for %s %d", type, end->model->ledger.kind, end->model->ledger.index);
    if (end->model->ledger.loop != loop || end->bind != bind) {
        model_fail("%s %d: notify %u with the wrong loop or bind", end->model->ledger.kind,
                   end->model->ledger.index, type);
    }
    if (notify->notify_status != 0) {
        model_fail("%s %d: notify %u has status %d", end->model->ledger.kind,
                   end->model->ledger.index, type, notify->notify_status);
    }
    check_closing(end, type);
    switch (type) {
        case EVPL_NOTIFY_CONNECTED:
            model_connected(end->model);
            check_connected(end);
            break;
        case EVPL_NOTIFY_DISCONNECTED:
            on_disconnected(end);
            break;
        case EVPL_NOTIFY_RECV_DATA:
            on_readable(end);
            break;
        case EVPL_NOTIFY_RECV_MSG:
            on_message(end, &notify->recv_msg);
            if (d.transport == UDP) {
                d.sender     = notify->recv_msg.addr;
                d.sender_end = end;
            }
            break;
        case EVPL_NOTIFY_SENT:
            model_sent(end->model, notify->sent.bytes, notify->sent.msgs);
            break;
        default:
            model_fail("unknown notification %u", type);
    }
    run_triggered(triggers[type]);
    d.sender_end = NULL;
    if (type == EVPL_NOTIFY_DISCONNECTED) {
        end->bind = NULL;
    }
    model_callback_ends(loop);
}

static int
on_segment(struct evpl *evpl, struct evpl_bind *bind, void *private_data)
{
    struct model_loop *loop = begin(evpl, AT_WORK);
    struct end *end         = private_data;
    struct model_end *model = end->model;
    uint32_t length         = model_segment_length(model);
    uint8_t head[4];
    int got = evpl_peek(evpl, bind, head, sizeof(head));

    if (end->bind != bind || model->closed || model->gone) {
        model_fail("%s %d: segment callback for a bind that is not open", model->ledger.kind,
                   model->ledger.index);
    }
    if (got < 0) {
        model_fail("%s %d: peek in a segment callback returned %d", model->ledger.kind,
                   model->ledger.index, got);
    }
    check_stream(end, "peek in a segment callback", 0, head, (uint64_t) got);
    model_callback_ends(loop);
    if (got > 0 && model->segment == end->reject_segment) {
        model_close(&d.model, model);
        return -1;
    }
    return got < 4 && got < (int) length ? 0 : (int) length;
}

static void
setup_end(struct end *end, struct model_end *model, struct evpl_bind *bind, uint32_t choice)
{
    int i, side;

    for (i = 0; i < d.model.conns_count; i++) {
        for (side = 0; side < 2; side++) {
            if (bind != NULL && d.conns[i].ends[side].bind == bind) {
                model_fail("a new bind has the address of one that is in use");
            }
        }
    }
    end->model          = model;
    end->bind           = bind;
    end->reject_segment = choice % 16 == 0 ? (choice >> 4) % 8 : UINT64_MAX;
}

static void
on_attach(struct evpl *evpl, struct evpl_bind *bind, evpl_notify_callback_t *notify,
          evpl_segment_callback_t *segment, void **conn_private_data, void *private_data)
{
    struct model_loop *loop       = begin(evpl, AT_WORK);
    struct attachment *attachment = private_data;
    struct model_end *model       = NULL;
    struct end *end;
    char local[EVPL_ADDRESS_STRLEN], remote[EVPL_ADDRESS_STRLEN];
    int i;

    evpl_bind_get_local_address(bind, local, sizeof(local));
    evpl_bind_get_remote_address(bind, remote, sizeof(remote));
    trace("attach on loop %d from %s", loop->index, remote);
    if (attachment->binding == NULL || attachment->loop != loop->index) {
        model_fail("attach callback of a loop that detached, or on the wrong loop");
    }
    if (*notify != NULL || *segment != NULL || *conn_private_data != NULL) {
        model_fail("attach callback got an output that is not NULL");
    }
    /* A Unix client has no name; there connections come in the order in which they were made. */
    for (i = 0; i < d.model.conns_count && model == NULL; i++) {
        struct model_conn *conn = &d.model.conns[i];

        if (conn->reach == SERVED && !conn->ends[1].exists &&
            (d.transport == UNIX ? &d.attachments[d.conns[i].turn] == attachment
                                 : strcmp(d.conns[i].client_address, remote) == 0)) {
            model = &conn->ends[1];
        }
    }
    if (model == NULL) {
        model_fail("a connection from %s was attached that we did not make", remote);
    }
    attachment->attached++;
    model_attached(&d.model, model, loop);
    end = &d.conns[model->conn->id].ends[1];
    setup_end(end, model, bind, (uint32_t) mix64(model->conn->keys[1]));
    check_text(end, "local", local, "(NULL)");
    *notify            = on_notify;
    *conn_private_data = end;
    if (model->conn->keys[1] & 1 && d.transport != INPROC_DATAGRAM) {
        model->segmented = true;
        *segment         = on_segment;
    }
    if (model->conn->keys[1] & 2) {
        evpl_bind_request_send_notifications(evpl, bind);
        model_want_sent(&d.model, model);
    }
    run_triggered(IN_ATTACH);
    model_callback_ends(loop);
}

static bool
is_over(const struct conn *conn)
{
    const struct model_conn *model = conn->ends[0].model->conn;

    return model->ends[0].gone &&
           (model->ends[1].gone || (!model->ends[1].exists &&
                                    model->ends[1].ledger.accounts[ATTACHED].min == 0));
}

static struct conn **
free_slot(uint32_t slot)
{
    struct conn **at = &d.slots[slot % PROGRAM_SLOTS];

    if (d.model.conns_count == MODEL_CONNS || (*at != NULL && !is_over(*at))) {
        return NULL;
    }
    return at;
}

static void
open_connection(uint32_t slot, uint32_t choice, uint32_t salt, bool to_nobody)
{
    struct conn **at        = free_slot(slot);
    struct model_loop *loop = &d.model.loops[salt % d.program->loops];
    enum reach reach        = d.listener == NULL || to_nobody ? NOBODY
                              : d.turns_count == 0            ? UNSERVED
                                                              : SERVED;
    struct evpl_endpoint *local = NULL, *remote = d.endpoint;
    struct model_conn *model;
    struct evpl_bind *bind;
    struct conn *conn;
    char name[200];

    if (at == NULL || (to_nobody && d.transport == TCP && d.listener != NULL)) {
        return;
    }
    if (to_nobody) {
        snprintf(name, sizeof(name), d.transport == UNIX ? "%s/nobody" : "inproc://nobody", d.dir);
        remote = d.transport == TCP ? d.endpoint : evpl_endpoint_create(name, 0);
    }
    if (d.transport == TCP && choice % 5 == 0) {
        local = evpl_endpoint_create("127.0.0.1", 0);
    }
    model = model_connect(&d.model, reach, loop, mix64(d.program->seed + salt));
    conn = *at = &d.conns[model->id];
    memset(conn, 0, sizeof(*conn));
    model->ends[0].segmented = choice & 1 && d.transport != INPROC_DATAGRAM;
    setup_end(&conn->ends[0], &model->ends[0], NULL, choice >> 8);
    conn->ends[1].model = &model->ends[1];
    if (reach == SERVED) {
        conn->turn = d.turns[d.rotor];
        d.attachments[conn->turn].expected++;
        d.rotor = (d.rotor + 1) % d.turns_count;
    }
    bind = evpl_connect(d.evpls[loop->index], d.protocol, local, remote, on_notify,
                        model->ends[0].segmented ? on_segment : NULL, &conn->ends[0]);
    if (bind == NULL) {
        model_fail("connect returned NULL");
    }
    setup_end(&conn->ends[0], &model->ends[0], bind, choice >> 8);
    evpl_bind_get_local_address(bind, conn->client_address, sizeof(conn->client_address));
    trace("connect %d from %s, reach %d", model->id, conn->client_address, reach);
    if (choice & 2) {
        evpl_bind_request_send_notifications(d.evpls[loop->index], bind);
        model_want_sent(&d.model, &model->ends[0]);
    }
    if (local != NULL) {
        evpl_endpoint_close(local);
    }
    if (remote != d.endpoint) {
        evpl_endpoint_close(remote);
    }
}

/** Binds a datagram socket to a port that nobody uses. */
static struct evpl_bind *
bind_somewhere(struct end *end, struct evpl_endpoint **endpoint)
{
    struct evpl_bind *bind;
    int attempt;

    for (attempt = 0; attempt < 1000; attempt++) {
        d.port    = d.port < 31999 ? d.port + 1 : 12000;
        *endpoint = evpl_endpoint_create("127.0.0.1", d.port);
        bind      = evpl_bind(evpl_of(end), d.protocol, *endpoint, on_notify, end);
        if (bind != NULL) {
            return bind;
        }
        evpl_endpoint_close(*endpoint);
    }
    model_fail("no port can be bound");
}

static void
open_pair(uint32_t slot, uint32_t choice, uint32_t salt)
{
    struct conn **at = free_slot(slot);
    int loops        = d.program->loops;
    struct model_conn *model;
    struct conn *conn;
    int side;

    if (at == NULL) {
        return;
    }
    model = model_open_pair(&d.model, &d.model.loops[salt % loops],
                            &d.model.loops[(salt >> 8) % loops], mix64(d.program->seed + salt));
    conn = *at = &d.conns[model->id];
    memset(conn, 0, sizeof(*conn));
    for (side = 0; side < 2; side++) {
        struct end *end = &conn->ends[side];

        end->model = &model->ends[side];
        setup_end(end, end->model, bind_somewhere(end, &conn->ends[!side].to), 1);
        if (choice & (1U << side)) {
            evpl_bind_request_send_notifications(evpl_of(end), end->bind);
            model_want_sent(&d.model, end->model);
        }
    }
}

/* ------------------------------------------------------------------------------------ passes */

static void
run_pass(int i)
{
    struct model_loop *loop = &d.model.loops[i];

    model_pass_begins(&d.model, loop, now());
    evpl_continue(d.evpls[i]);
    model_pass_ends(&d.model, loop);
}

/** One pass of each loop that looks at timers and the kernel, and the polling ones before it. */
static void
run_passes(void)
{
    int i;

    for (i = 0; i < d.program->loops; i++) {
        if (d.evpls[i] != NULL) {
            do {
                run_pass(i);
            } while (!d.model.loops[i].full);
        }
    }
    release_lent(false);
}

static uint64_t
real_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000000000ULL + (uint64_t) ts.tv_nsec;
}

/** Runs passes until nothing is owed any more. */
static void
settle(void)
{
    uint64_t limit = real_ns() + SETTLE_NS;
    unsigned int round;

    run_passes();
    for (round = 0; model_indebted(&d.model, false); round++) {
        run_passes();
        if (round > 3) {
            usleep(round < 200 ? 20 : 500);
        }
        if (round % 256 == 255) {
            evpl_virtual_clock_advance(1000000);
        }
        if (real_ns() > limit) {
            fprintf(stderr, "still owed:\n");
            model_indebted(&d.model, true);
            model_fail("what is owed did not come in %llu ms", SETTLE_NS / 1000000);
        }
    }
}

static void
run_window(const struct window *window)
{
    uint64_t end = now() + window->advance_ns;
    int stops, i;

    for (stops = 0; window->fine && stops < 24; stops++) {
        uint64_t deadline = model_next_deadline(&d.model, now());

        if (deadline > end) {
            break;
        }
        evpl_virtual_clock_advance(deadline - 1 - now());
        run_passes();
        evpl_virtual_clock_advance(1);
        run_passes();
    }
    if (now() < end) {
        evpl_virtual_clock_advance(end - now());
    }
    for (i = 0; i < window->passes; i++) {
        run_passes();
    }
    if (window->settle) {
        settle();
    }
}

/* ---------------------------------------------------------------------------------- listener */

static void
attach(int loop)
{
    struct attachment *attachment = &d.attachments[d.attachments_count];

    memset(attachment, 0, sizeof(*attachment));
    attachment->loop    = loop;
    attachment->binding = evpl_listener_attach(d.evpls[loop], d.listener, on_attach, attachment);
    d.turns[d.turns_count++] = d.attachments_count++;
}

/** Connections go to the attached loops in strict turn. */
static void
check_turns(void)
{
    int i;

    for (i = 0; i < d.turns_count && !d.turns_uncertain; i++) {
        const struct attachment *attachment = &d.attachments[d.turns[i]];

        if (attachment->attached != attachment->expected) {
            model_fail("attachment %d got %d connections instead of %d", d.turns[i],
                       attachment->attached, attachment->expected);
        }
    }
    for (i = 0; i < d.turns_count; i++) {
        d.attachments[d.turns[i]].attached = 0;
        d.attachments[d.turns[i]].expected = 0;
    }
}

static void
detach(int turn)
{
    struct attachment *attachment         = &d.attachments[d.turns[turn]];
    struct evpl_listener_binding *binding = attachment->binding;

    attachment->binding = NULL;
    d.turns_count--;
    memmove(&d.turns[turn], &d.turns[turn + 1], (size_t) (d.turns_count - turn) * sizeof(int));
    if (d.rotor >= d.turns_count) {
        d.rotor = 0;
    }
    evpl_listener_detach(d.evpls[attachment->loop], binding);
}

static void
listen_somewhere(void)
{
    char text[200];
    int attempt;

    d.listener = evpl_listener_create();
    for (attempt = 0; attempt < 1000; attempt++) {
        d.names++;
        switch (d.transport) {
            case TCP:
                d.port     = d.port < 31999 ? d.port + 1 : 12000;
                d.endpoint = evpl_endpoint_create("127.0.0.1", d.port);
                snprintf(d.address, sizeof(d.address), "127.0.0.1:%d", d.port);
                break;
            case UNIX:
                if (d.names % 2) {
                    snprintf(text, sizeof(text), "%s/%u", d.dir, d.names);
                } else {
                    snprintf(text, sizeof(text), "@evpl-model-%d-%u", (int) getpid(), d.names);
                }
                d.endpoint = evpl_endpoint_create(text, 0);
                snprintf(d.address, sizeof(d.address), "unix:%.120s", text);
                break;
            default:
                snprintf(text, sizeof(text), "inproc://model-%u", d.names);
                d.endpoint = evpl_endpoint_create(text, 0);
                snprintf(d.address, sizeof(d.address), "inproc:model-%u", d.names);
                break;
        }
        if (d.endpoint != NULL && evpl_listen(d.listener, d.protocol, d.endpoint) == 0) {
            return;
        }
        if (d.endpoint != NULL) {
            evpl_endpoint_close(d.endpoint);
        }
    }
    model_fail("no address can be listened at");
}

static void
listener_down(bool detach_first)
{
    check_turns();
    while (detach_first && d.turns_count > 0) {
        detach(0);
    }
    evpl_listener_destroy(d.listener);
    d.listener = NULL;
    while (d.turns_count > 0) {
        detach(d.turns_count - 1);
    }
    d.rotor = 0;
}

static void
listener_up(int count, uint32_t salt)
{
    int i;

    d.listener        = evpl_listener_create();
    d.turns_uncertain = false;
    if (evpl_listen(d.listener, d.protocol, d.endpoint) != 0) {
        model_fail("an address cannot be listened at again");
    }
    for (i = 0; i < count; i++) {
        attach((int) ((salt + (uint32_t) i) % (uint32_t) d.program->loops));
    }
}

static void
execute_listener_op(const struct op *op)
{
    if (d.transport == UDP) {
        return;
    }
    settle();
    switch (op->kind) {
        case OP_DETACH:
            if (d.turns_count > 0) {
                check_turns();
                detach((int) (op->slot % (uint32_t) d.turns_count));
            }
            break;
        case OP_ATTACH:
            if (d.listener != NULL && d.turns_count < PROGRAM_BINDINGS && d.attachments_count < 60) {
                check_turns();
                attach((int) (op->slot % (uint32_t) d.program->loops));
            }
            break;
        case OP_LISTENER_DOWN:
            if (d.listener != NULL) {
                listener_down(op->choice & 1);
            }
            break;
        default:
            if (d.listener == NULL && d.attachments_count < 60) {
                listener_up((int) (op->choice % PROGRAM_BINDINGS) + 1, op->slot);
            }
            break;
    }
}

/* -------------------------------------------------------------------------------- operations */

static void
add_timer(int slot, bool periodic, uint64_t interval_us)
{
    struct model_timer *model = &d.model.timers[slot];
    struct evpl *evpl         = d.evpls[model->ledger.loop->index];

    if (!model->registered) {
        memset(&d.timers[slot], 0xaa, sizeof(d.timers[slot]));
    }
    if (periodic) {
        evpl_add_timer(evpl, &d.timers[slot], on_timer, interval_us);
    } else {
        evpl_add_oneshot_timer(evpl, &d.timers[slot], on_timer, interval_us);
    }
    model_timer_added(&d.model, model, periodic, interval_us, now());
}

static void
remove_timer(int slot)
{
    struct model_timer *model = &d.model.timers[slot];

    evpl_remove_timer(d.evpls[model->ledger.loop->index], &d.timers[slot]);
    model_timer_removed(&d.model, model);
    memset(&d.timers[slot], 0x55, sizeof(d.timers[slot]));
}

static void
check_armed(int slot)
{
    if ((d.deferrals[slot].armed != 0) != model_deferral_armed(&d.model.deferrals[slot])) {
        model_fail("deferral %d: armed is %" PRIu64, slot, d.deferrals[slot].armed);
    }
}

static void *
ring_from_thread(void *doorbell)
{
    evpl_ring_doorbell(doorbell);
    return NULL;
}

static void
ring(int slot, uint32_t salt)
{
    uint64_t one = 1;
    pthread_t thread;

    switch (salt % 16) {
        case 0:
            if (pthread_create(&thread, NULL, ring_from_thread, &d.doorbells[slot]) == 0) {
                pthread_join(thread, NULL);
                break;
            }
            /* fall through */
        case 1:
            if (write(evpl_doorbell_fd(&d.doorbells[slot]), &one, sizeof(one)) != sizeof(one)) {
                model_fail("doorbell %d: its descriptor cannot be written", slot);
            }
            break;
        default:
            evpl_ring_doorbell(&d.doorbells[slot]);
            break;
    }
    model_doorbell_rung(&d.model, &d.model.doorbells[slot]);
}

static void
add_poll(struct model_loop *loop, int slot)
{
    uintptr_t generation = ++d.generations;

    d.polls[loop->index][slot].generation = generation;
    d.polls[loop->index][slot].handle =
        evpl_add_poll(d.evpls[loop->index], on_poll_enter, on_poll_exit, on_poll,
                      (void *) generation);
    model_poll_added(loop, slot);
}

static void
remove_poll(struct model_loop *loop, int slot)
{
    evpl_remove_poll(d.evpls[loop->index], d.polls[loop->index][slot].handle);
    d.polls[loop->index][slot].generation = 0;
    model_poll_removed(loop, slot);
}

static void
set_hooks(struct model_loop *loop, int mask)
{
    struct evpl_loop_hooks hooks = {
        .iteration_end = mask & HOOK_END ? on_iteration_end : NULL,
        .pre_wait      = mask & HOOK_PRE_WAIT ? on_pre_wait : NULL,
        .post_wait     = mask & HOOK_POST_WAIT ? on_post_wait : NULL,
        .private_data  = (void *) (uintptr_t) ++d.hook_sets,
    };

    evpl_set_loop_hooks(d.evpls[loop->index], &hooks);
    model_hooks_set(loop, d.hook_sets, mask);
    memset(&hooks, 0x55, sizeof(hooks));
}

static void
clear_hooks(struct model_loop *loop)
{
    evpl_set_loop_hooks(d.evpls[loop->index], NULL);
    model_hooks_set(loop, 0, 0);
}

static bool
has_room(const struct end *end, uint32_t length)
{
    const struct model_end *peer = model_peer(end->model);
    uint64_t in_flight           = model_in_flight(&d.model, peer);

    if (d.transport == UDP) {
        /* What the kernel cannot queue it drops; stay below the socket's default room. */
        uint64_t messages = end->model->queued_messages - peer->ledger.accounts[ARRIVES].paid;

        return 2 * (in_flight + length) + 1300 * (messages + 1) < 150000;
    }
    return in_flight + length < (1 << 20);
}

static void
execute_bind_op(const struct op *op)
{
    struct conn *conn = d.slots[op->slot % PROGRAM_SLOTS];
    struct end *end   = conn ? &conn->ends[op->choice & 1] : NULL;
    uint32_t bursts   = op->salt % 16 == 0 && op->amount <= 1500 ? 2 + (op->salt >> 8) % 180 : 1;
    uint32_t i;

    if (end == NULL || end->bind == NULL) {
        return;
    }
    switch (op->kind) {
        case OP_SEND:
            for (i = 0; i < bursts && has_room(end, op->amount); i++) {
                send_payload(end, op->choice >> 1, op->amount, op->salt ^ (i << 8));
            }
            break;
        case OP_RECEIVE:
            if (!end->model->gone && !end->model->closed) {
                receive(end, op->choice >> 1, op->salt & 1 ? STREAM_MAX : op->amount, op->salt >> 1);
            }
            break;
        case OP_CLOSE:
        case OP_FINISH:
            /* Nobody could tell when the listener is done with a connection that gave up first. */
            if (end->model->conn->reach == UNSERVED) {
                break;
            }
            if (op->kind == OP_FINISH) {
                /* Much at once, and its end right behind it. */
                if (op->salt % 4 == 0 && d.transport != INPROC_DATAGRAM && d.transport != UDP &&
                    has_room(end, 400000)) {
                    send_payload(end, op->salt >> 4, op->amount + (op->salt >> 8) % 250000, 0);
                }
                evpl_finish(evpl_of(end), end->bind);
                model_finish(&d.model, end->model);
                check_closing(end, 0);
                break;
            }
            evpl_close(evpl_of(end), end->bind);
            model_close(&d.model, end->model);
            check_closing(end, 0);
            break;
        default:
            evpl_bind_request_send_notifications(evpl_of(end), end->bind);
            model_want_sent(&d.model, end->model);
            break;
    }
    if (model_leaving(end->model) && conn->ends[1].bind == NULL && d.transport != UDP) {
        d.turns_uncertain = true;
    }
}

static void
execute(int index)
{
    const struct op *op     = &d.program->ops[index];
    struct model_loop *loop = &d.model.loops[op->slot % (uint32_t) d.program->loops];
    int timer               = (int) (op->slot % MODEL_TIMERS);
    int deferral            = (int) (op->slot % MODEL_DEFERRALS);
    int doorbell            = (int) (op->slot % MODEL_DOORBELLS);
    int poll                = (int) (op->slot / 8 % MODEL_POLLS);
    struct model_doorbell *bell = &d.model.doorbells[doorbell];
    char text[160];

    d.op = index;
    if (d.verbose) {
        program_describe_op(d.program, index, text, sizeof(text));
        trace("%s", text);
    }
    switch (op->kind) {
        case OP_ADD_TIMER:
            add_timer(timer, op->choice & 1, op->amount);
            break;
        case OP_REMOVE_TIMER:
            remove_timer(timer);
            break;
        case OP_DEFER:
            evpl_defer(d.evpls[d.model.deferrals[deferral].ledger.loop->index],
                       &d.deferrals[deferral]);
            model_deferred(&d.model, &d.model.deferrals[deferral]);
            check_armed(deferral);
            break;
        case OP_REMOVE_DEFERRAL:
            evpl_remove_deferral(d.evpls[d.model.deferrals[deferral].ledger.loop->index],
                                 &d.deferrals[deferral]);
            model_deferral_removed(&d.model, &d.model.deferrals[deferral]);
            check_armed(deferral);
            break;
        case OP_ADD_DOORBELL:
            if (!bell->registered) {
                memset(&d.doorbells[doorbell], 0xaa, sizeof(d.doorbells[doorbell]));
                evpl_add_doorbell(d.evpls[bell->ledger.loop->index], &d.doorbells[doorbell],
                                  on_doorbell);
                model_doorbell_added(bell);
            }
            break;
        case OP_RING:
            if (bell->registered) {
                ring(doorbell, op->salt);
            }
            break;
        case OP_REMOVE_DOORBELL:
            if (bell->registered) {
                evpl_remove_doorbell(d.evpls[bell->ledger.loop->index], &d.doorbells[doorbell]);
                model_doorbell_removed(&d.model, bell);
                memset(&d.doorbells[doorbell], 0x55, sizeof(d.doorbells[doorbell]));
            }
            break;
        case OP_ADD_POLL:
            if (!loop->polls[poll].registered) {
                add_poll(loop, poll);
            }
            break;
        case OP_REMOVE_POLL:
            if (loop->polls[poll].registered) {
                remove_poll(loop, poll);
            }
            break;
        case OP_ACTIVITY:
            evpl_activity(d.evpls[loop->index]);
            loop->activity++;
            break;
        case OP_PIN:
            evpl_poll_pin(d.evpls[loop->index]);
            loop->pins++;
            break;
        case OP_UNPIN:
            if (loop->pins > 0) {
                evpl_poll_unpin(d.evpls[loop->index]);
                loop->pins--;
            }
            break;
        case OP_SET_HOOKS:
            set_hooks(loop, (int) (op->choice % 7) + 1);
            break;
        case OP_CLEAR_HOOKS:
            clear_hooks(loop);
            break;
        case OP_OPEN:
        case OP_OPEN_TO_NOBODY:
            if (d.transport == UDP) {
                open_pair(op->slot, op->choice, op->salt);
            } else {
                open_connection(op->slot, op->choice, op->salt, op->kind == OP_OPEN_TO_NOBODY);
            }
            break;
        case OP_SEND:
        case OP_RECEIVE:
        case OP_CLOSE:
        case OP_FINISH:
        case OP_WANT_SENT:
            execute_bind_op(op);
            break;
        case OP_RELEASE:
            release_held((int) (op->choice % 8), true);
            break;
        default:
            execute_listener_op(op);
            break;
    }
}

/* ------------------------------------------------------------------------- beginning and end */

static int
count_descriptors(void)
{
    DIR *dir  = opendir("/proc/self/fd");
    int count = 0;

    while (dir != NULL && readdir(dir) != NULL) {
        count++;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return count;
}

static long
metric(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    return at ? strtol(at + strlen(name), NULL, 10) : -1;
}

/** With every loop destroyed, all buffers are back and all descriptors closed. */
static void
check_leaks(void)
{
    static char text[65536];
    int descriptors = count_descriptors();

    if (evpl_metrics_scrape(text, sizeof(text)) > 0) {
        long slabs = metric(text, "\nevpl_allocator_total_slabs{} ");
        long unused = metric(text, "\nevpl_allocator_free_buffers{} ");

        if (slabs >= 0 && unused >= 0 && unused != slabs * (long) (SLAB_SIZE / BUFFER_SIZE)) {
            model_fail("%ld buffers of %ld slabs are free after the program", unused, slabs);
        }
    }
    if (d.descriptors != 0 && descriptors != d.descriptors) {
        model_fail("%d descriptors are open after the program, %d were before", descriptors,
                   d.descriptors);
    }
    d.descriptors = descriptors;
}

static void
begin_program(const struct program *program)
{
    int i;

    model_reset(&d.model, program->transport, program->loops);
    memset(&d.window, 0, sizeof(d) - ((char *) &d.window - (char *) &d));
    d.op      = -1;
    d.program = program;
    for (i = 0; i < program->loops; i++) {
        struct evpl_thread_config *config = evpl_thread_config_init();

        evpl_thread_config_set_poll_mode(config, program->poll_mode);
        evpl_thread_config_set_poll_iterations(config, program->poll_iterations);
        d.evpls[i] = evpl_create(config);
        evpl_thread_config_release(config);
        model_loop_created(&d.model.loops[i], program->poll_mode,
                           (uint64_t) program->poll_iterations, SPIN_NS, now());
    }
    for (i = 0; i < MODEL_DEFERRALS; i++) {
        evpl_deferral_init(&d.deferrals[i], on_deferral, (void *) (uintptr_t) i);
    }
    if (d.transport != UDP) {
        listen_somewhere();
        for (i = 0; i < program->bindings; i++) {
            attach(i % program->loops);
        }
    }
}

static void
run_ops_of(int window)
{
    int i;

    for (i = 0; i < d.program->ops_count; i++) {
        const struct op *op = &d.program->ops[i];

        if (op->window == window && !d.program->dropped[i] && op->trigger != AT_TOP) {
            d.triggered[op->trigger].ops[d.triggered[op->trigger].tail++] = i;
        }
    }
    for (i = 0; i < d.program->ops_count; i++) {
        const struct op *op = &d.program->ops[i];

        if (op->window == window && !d.program->dropped[i] && op->trigger == AT_TOP) {
            execute(i);
        }
    }
}

/** Nothing more is owed; a while later still nothing has come. */
static void
check_silence(void)
{
    int i;

    settle();
    for (i = 0; i < 3; i++) {
        evpl_virtual_clock_advance(1000000);
        run_passes();
    }
    settle();
    for (i = 0; i < MODEL_DEFERRALS; i++) {
        check_armed(i);
    }
}

static void
leave_all(bool finish)
{
    int i, side;

    for (i = 0; i < d.model.conns_count; i++) {
        for (side = 0; side < 2; side++) {
            struct end *end = &d.conns[i].ends[side];

            if (end->bind == NULL) {
                continue;
            }
            if (finish) {
                evpl_finish(evpl_of(end), end->bind);
                model_finish(&d.model, end->model);
            } else {
                evpl_close(evpl_of(end), end->bind);
                model_close(&d.model, end->model);
            }
        }
    }
    settle();
}

static void
remove_sources(void)
{
    int i, loop;

    for (loop = 0; loop < d.program->loops; loop++) {
        clear_hooks(&d.model.loops[loop]);
        for (i = 0; i < MODEL_POLLS; i++) {
            if (d.model.loops[loop].polls[i].registered) {
                remove_poll(&d.model.loops[loop], i);
            }
        }
    }
    for (i = 0; i < MODEL_TIMERS; i++) {
        remove_timer(i);
    }
    for (i = 0; i < MODEL_DOORBELLS; i++) {
        if (d.model.doorbells[i].registered) {
            evpl_remove_doorbell(d.evpls[d.model.doorbells[i].ledger.loop->index], &d.doorbells[i]);
            model_doorbell_removed(&d.model, &d.model.doorbells[i]);
        }
    }
}

static void
destroy_loop(int index)
{
    struct model_loop *loop = &d.model.loops[index];
    struct evpl *evpl       = d.evpls[index];
    int i;

    model_loop_destroying(&d.model, loop);
    evpl_destroy(evpl);
    for (i = 0; i < 2 * d.model.conns_count; i++) {
        const struct model_end *end = &d.model.conns[i / 2].ends[i % 2];

        if (end->exists && end->ledger.loop == loop && !end->gone) {
            model_fail("%s %d: its loop was destroyed without DISCONNECTED", end->ledger.kind,
                       end->ledger.index);
        }
    }
    d.evpls[index] = NULL;
}

/** Takes everything down, in one of several orders that are all allowed. */
static void
end_program(void)
{
    int ending = d.program->ending;
    int i, side;

    check_silence();
    for (i = 0; i < TRIGGERS; i++) {
        d.triggered[i].head = d.triggered[i].tail;
    }
    if (ending != 3) {
        remove_sources();
        check_silence();
    } else {
        for (i = 0; i < d.program->loops; i++) {
            clear_hooks(&d.model.loops[i]);
        }
    }
    if (ending < 2) {
        leave_all(ending == 1);
    }
    if (d.listener != NULL && ending != 3) {
        listener_down(ending != 4);
    }
    release_held(d.held_count / 2, true);
    for (i = 0; i < d.program->loops; i++) {
        if (ending == 5) {
            evpl_stop(d.evpls[i]);
            evpl_run(d.evpls[i]);
        }
        destroy_loop(i);
        settle();
    }
    if (d.listener != NULL) {
        evpl_listener_destroy(d.listener);
    }
    release_held(d.held_count, false);
    release_lent(true);
    if (d.endpoint != NULL) {
        evpl_endpoint_close(d.endpoint);
    }
    for (i = 0; i < d.model.conns_count; i++) {
        for (side = 0; side < 2; side++) {
            if (d.conns[i].ends[side].to != NULL) {
                evpl_endpoint_close(d.conns[i].ends[side].to);
            }
        }
    }
    check_leaks();
}

void
driver_run(const struct program *program)
{
    begin_program(program);
    for (d.window = 0; d.window < program->windows_count; d.window++) {
        run_ops_of(d.window);
        run_window(&program->windows[d.window]);
    }
    end_program();
}

/** Shows the library's log only when asked to, but for the line before the process ends. */
static void
on_log(const char *level, const char *module, const char *srcfile, int lineno, const char *format,
       va_list args)
{
    (void) srcfile;
    (void) lineno;
    if (d.verbose || strcmp(level, "fatal") == 0) {
        fprintf(stderr, "%s %s: ", level, module);
        vfprintf(stderr, format, args);
        fprintf(stderr, "\n");
    }
}

void
driver_init(enum transport transport, bool use_select, const char *dir, bool verbose)
{
    static const enum evpl_protocol_id protocols[] = {
        EVPL_STREAM_INPROC, EVPL_DATAGRAM_INPROC, EVPL_STREAM_SOCKET_TCP, EVPL_STREAM_SOCKET_UNIX,
        EVPL_DATAGRAM_SOCKET_UDP
    };
    struct evpl_global_config *config = evpl_global_config_init();

    evpl_set_log_fn(on_log, NULL);
    evpl_global_config_set_virtual_clock(config, 1);
    evpl_global_config_set_buffer_size(config, BUFFER_SIZE);
    evpl_global_config_set_max_datagram_size(config, DATAGRAM_SIZE);
    evpl_global_config_set_slab_size(config, SLAB_SIZE);
    evpl_global_config_set_spin_ns(config, SPIN_NS);
    evpl_global_config_set_core_mech(config, use_select ? EVPL_CORE_MECH_SELECT
                                                        : EVPL_CORE_MECH_EPOLL);
    evpl_init(config);
    d.transport = transport;
    d.protocol  = protocols[transport];
    d.dir       = dir;
    d.verbose   = verbose;
    d.port      = 12000 + (int) (mix64((uint64_t) getpid()) % 19000);
}
