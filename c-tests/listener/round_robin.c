// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Connections go round the attachments in the order of attaching, several of one loop included; detaching one
// keeps the order of the rest.

#include "counters.h"

#define SLOTS 4

static struct flow flow;
static struct counters slots[SLOTS], clients;
static struct evpl *loops[2];

static int
attached(void)
{
    int sum = 0;

    for (int i = 0; i < SLOTS; i++) {
        sum += slots[i].attached;
    }
    return sum;
}

// Which slot took the next connection.
static int
next_slot(void)
{
    int before[SLOTS], total = attached(), slot = -1;

    for (int i = 0; i < SLOTS; i++) {
        before[i] = slots[i].attached;
    }
    counters_dial(&clients, flow.evpl, &flow);
    for (uint64_t end = now_ms() + FLOW_WAIT_MS; attached() == total;) {
        CHECK(now_ms() < end);
        evpl_continue(flow.evpl);
        evpl_continue(loops[1]);
    }
    for (int i = 0; i < SLOTS; i++) {
        if (slots[i].attached != before[i]) {
            slot = i;
        }
    }
    return slot;
}

int
main(void)
{
    struct evpl_listener_binding *bindings[SLOTS];

    counters_start(&flow);
    loops[0] = flow.evpl;
    loops[1] = test_evpl();
    for (int i = 0; i < SLOTS; i++) {
        bindings[i] = evpl_listener_attach(loops[i % 2], flow.listener, counters_attach, &slots[i]);
        CHECK(bindings[i] != NULL);
    }
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);
    for (int i = 0; i < 2 * SLOTS; i++) {
        CHECK_EQ(next_slot(), i % SLOTS);
    }
    CHECK_EQ(next_slot(), 0);
    // 0 1 2 3 becomes 0 2 3 with the rotor at the second place.
    evpl_listener_detach(loops[1], bindings[1]);
    CHECK_EQ(next_slot(), 2);
    CHECK_EQ(next_slot(), 3);
    CHECK_EQ(next_slot(), 0);
    evpl_listener_detach(loops[0], bindings[0]);
    evpl_listener_detach(loops[0], bindings[2]);
    CHECK_EQ(next_slot(), 3);
    CHECK_EQ(next_slot(), 3);
    evpl_listener_detach(loops[1], bindings[3]);
    evpl_listener_destroy(flow.listener);
    evpl_destroy(loops[1]);
    evpl_destroy(loops[0]);
    for (int i = 0; i < SLOTS; i++) {
        // The end may come before that of a TLS handshake.
        CHECK(slots[i].connected == slots[i].attached || flow.protocol == EVPL_STREAM_SOCKET_TLS);
        CHECK_EQ(slots[i].disconnected, slots[i].attached);
    }
    evpl_endpoint_close(flow.endpoint);
    return 0;
}
