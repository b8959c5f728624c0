// SPDX-License-Identifier: MIT OR Apache-2.0

// The ends that run.py listens to.
//
//     ends server PORT MODE SEED | ends client PORT MODE SEED
//
// MODE is `recorded`, the program of the recorded exchange, or `random`: each end publishes memory, says so, and reads,
// writes and sends as the seed has it until both are done. What the answers contain is for run.py to judge.

#include "../test.h"

#define LENGTH   (1u << 20)
#define UNDER_WAY 24
#define STEPS    400

struct offer {
    uint32_t type, key;
    uint64_t address;
    uint32_t length, pad;
};

struct end {
    struct evpl *evpl;
    struct evpl_bind *bind;
    struct evpl_iovec memory;
    struct offer peer;
    int is_server, connected, offered, under_way, steps, said_done, peer_done, over;
};

struct step {
    struct end *end;
    struct evpl_iovec iovec;
    int expected, is_read;
};

static int recorded;
static uint32_t seed;

static unsigned int
next_random(unsigned int bound)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % bound;
}

static void
offer(struct end *end, unsigned int length)
{
    struct offer offer = { .type = 1, .length = length };

    CHECK_EQ(evpl_iovec_alloc(end->evpl, length, 0, 1, EVPL_IOVEC_FLAG_SHARED, &end->memory), 1);
    for (unsigned int i = 0; i < length; i++) {
        ((unsigned char *) end->memory.data)[i] = recorded ? 0xab : (unsigned char) (i * 7 + i / 251 + end->is_server);
    }
    evpl_rdma_get_address(end->evpl, end->bind, &end->memory, &offer.key, &offer.address);
    evpl_send(end->evpl, end->bind, &offer, sizeof(offer));
}

static void
say(struct end *end, uint32_t type)
{
    uint32_t message[2] = { type, 0 };

    evpl_send(end->evpl, end->bind, message, sizeof(message));
}

static int
all_are(const struct evpl_iovec *iovec, unsigned char byte)
{
    for (unsigned int i = 0; i < iovec->length; i++) {
        if (((unsigned char *) iovec->data)[i] != byte) {
            return 0;
        }
    }
    return 1;
}

// The recorded program.

static struct evpl_iovec buffer;

static void
write_done(int status, void *private_data)
{
    CHECK_EQ(status, 0);
    evpl_iovec_release(((struct end *) private_data)->evpl, &buffer);
    say(private_data, 3);
}

static void
read_done(int status, void *private_data)
{
    struct end *end = private_data;

    CHECK_EQ(status, 0);
    CHECK(all_are(&buffer, 0xab));
    memset(buffer.data, 0xcd, buffer.length);
    evpl_rdma_write(end->evpl, end->bind, end->peer.key, end->peer.address, &buffer, 1, 0, write_done, end);
}

static void
recorded_message(struct end *end, const struct offer *message)
{
    switch (message->type) {
    case 1:
        end->peer = *message;
        CHECK_EQ(evpl_iovec_alloc(end->evpl, message->length, 0, 1, 0, &buffer), 1);
        evpl_rdma_read(end->evpl, end->bind, message->key, message->address, &buffer, 1, read_done, end);
        break;
    case 3:
        CHECK(all_are(&end->memory, 0xcd));
        say(end, 4);
        break;
    case 4:
        say(end, 5);
        evpl_finish(end->evpl, end->bind);
        break;
    case 5:
        evpl_finish(end->evpl, end->bind);
        break;
    default:
        CHECK(!"a known message");
    }
}

// The random one.

static void
go_on(struct end *end);

static void
step_done(int status, void *private_data)
{
    struct step *step = private_data;
    struct end *end   = step->end;

    CHECK_EQ(status, step->expected);
    evpl_iovec_release(end->evpl, &step->iovec);
    free(step);
    end->under_way--;
    go_on(end);
}

static void
take_step(struct end *end)
{
    static unsigned char bytes[70000];
    struct step *step = calloc(1, sizeof(*step));
    unsigned int length, what = next_random(8);
    uint32_t key     = end->peer.key;
    uint64_t address = end->peer.address;

    length = next_random(4) ? next_random(600) : next_random(4) ? next_random(20000) : next_random(400000);
    if (what < 2) {
        free(step);
        length = length % sizeof(bytes);
        memset(bytes, what, length);
        evpl_send(end->evpl, end->bind, bytes, length < 30 ? 30 : length);
        return;
    }
    address += next_random(LENGTH - length);
    if (next_random(16) == 0) {
        key += 1 + next_random(5);
    } else if (next_random(16) == 0) {
        address = end->peer.address + LENGTH - length + 1 + next_random(1000);
    } else if (next_random(16) == 0) {
        address = end->peer.address - 1 - next_random(1000);
    }
    step->end      = end;
    step->expected = length > 0 && (key != end->peer.key || address < end->peer.address ||
                                    address + length > end->peer.address + LENGTH)
                         ? EINVAL
                         : 0;
    CHECK_EQ(evpl_iovec_alloc(end->evpl, length + 1, 0, 1, 0, &step->iovec), 1);
    step->iovec.length = length;
    memset(step->iovec.data, (int) length, length);
    end->under_way++;
    if (what < 5) {
        evpl_rdma_read(end->evpl, end->bind, key, address, &step->iovec, 1, step_done, step);
    } else {
        evpl_rdma_write(end->evpl, end->bind, key, address, &step->iovec, 1, 0, step_done, step);
    }
}

static void
go_on(struct end *end)
{
    while (end->steps < STEPS && end->under_way < UNDER_WAY) {
        end->steps++;
        take_step(end);
    }
    if (end->steps == STEPS && end->under_way == 0 && !end->said_done) {
        end->said_done = 1;
        say(end, 2);
    }
    if (end->said_done && end->peer_done && !end->is_server) {
        evpl_finish(end->evpl, end->bind);
    }
}

static void
random_message(struct end *end, const struct offer *message, unsigned int length)
{
    if (length == sizeof(*message)) {
        end->peer = *message;
    } else if (length == 8) {
        CHECK_EQ(message->type, 2);
        end->peer_done = 1;
    } else {
        return;
    }
    go_on(end);
}

// Both.

static void
on_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify, void *private_data)
{
    struct end *end = private_data;
    struct offer message = { 0 };
    unsigned int got = 0;

    (void) bind;
    switch (notify->notify_type) {
    case EVPL_NOTIFY_CONNECTED:
        if (!recorded && !end->is_server) {
            offer(end, LENGTH);
        }
        break;
    case EVPL_NOTIFY_RECV_MSG:
        for (unsigned int i = 0; i < notify->recv_msg.niov && got < sizeof(message); i++) {
            unsigned int take = notify->recv_msg.iovec[i].length;

            if (take > sizeof(message) - got) {
                take = sizeof(message) - got;
            }
            memcpy((char *) &message + got, notify->recv_msg.iovec[i].data, take);
            got += take;
        }
        got = notify->recv_msg.length;
        evpl_iovecs_release(evpl, notify->recv_msg.iovec, (int) notify->recv_msg.niov);
        if (recorded) {
            recorded_message(end, &message);
        } else {
            random_message(end, &message, got);
        }
        break;
    case EVPL_NOTIFY_DISCONNECTED:
        end->over = 1;
        break;
    }
}

static void
on_attach(struct evpl *evpl, struct evpl_bind *bind, evpl_notify_callback_t *notify, evpl_segment_callback_t *segment,
          void **conn_private, void *private_data)
{
    struct end *end = private_data;

    (void) segment;
    CHECK(end->bind == NULL);
    end->evpl     = evpl;
    end->bind     = bind;
    *notify       = on_event;
    *conn_private = end;
    offer(end, recorded ? 4096 : LENGTH);
}

int
main(int argc, char **argv)
{
    struct evpl_listener_binding *binding = NULL;
    struct evpl_listener *listener        = NULL;
    struct evpl_endpoint *endpoint;
    struct end end = { 0 };

    CHECK(argc == 5);
    test_init();
    end.is_server = strcmp(argv[1], "server") == 0;
    recorded      = strcmp(argv[3], "recorded") == 0;
    seed          = (uint32_t) atoi(argv[4]) * 2 + (uint32_t) end.is_server;
    end.evpl      = test_evpl();
    endpoint      = evpl_endpoint_create("127.0.0.1", atoi(argv[2]));
    if (end.is_server) {
        listener = evpl_listener_create();
        binding  = evpl_listener_attach(end.evpl, listener, on_attach, &end);
        CHECK_EQ(evpl_listen(listener, EVPL_DATAGRAM_TCP_RDMA, endpoint), 0);
        printf("listening\n");
        fflush(stdout);
    } else {
        end.bind = evpl_connect(end.evpl, EVPL_DATAGRAM_TCP_RDMA, NULL, endpoint, on_event, NULL, &end);
        CHECK(end.bind != NULL);
    }
    RUN_UNTIL(end.evpl, end.over, 60000);
    if (!recorded) {
        CHECK(end.said_done && end.peer_done && end.under_way == 0);
    }
    if (end.memory.data != NULL) {
        evpl_iovec_release(end.evpl, &end.memory);
    }
    if (listener != NULL) {
        evpl_listener_detach(end.evpl, binding);
        evpl_listener_destroy(listener);
    }
    evpl_destroy(end.evpl);
    evpl_endpoint_close(endpoint);
    return 0;
}
