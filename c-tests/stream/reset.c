// A peer resets at each phase: before the hand-off, when idle, with unread data, with output queued. Always
// one DISCONNECTED after what was received, never an abort; the same for a client whose server resets.

#include "../bind/flow.h"

static void
reset_server_side(int phase)
{
    struct flow flow = { .protocol = EVPL_STREAM_SOCKET_TCP };
    static char bytes[1 << 20];
    int fd;

    flow_start(&flow);
    fd = raw_dial(&flow);
    if (phase == 0) {
        raw_reset(fd);
    }
    RUN_UNTIL(flow.evpl, flow.accepts == 1, FLOW_WAIT_MS);
    switch (phase) {
    case 1: // idle
        raw_reset(fd);
        break;
    case 2: // data then reset
        raw_write(fd, "data", 4);
        raw_reset(fd);
        break;
    case 3: // more output than the kernel takes
        for (int i = 0; i < 16; i++) {
            evpl_send(flow.evpl, flow.server->bind, bytes, sizeof(bytes));
        }
        loop_idle(flow.evpl, 20);
        raw_reset(fd);
        break;
    case 4: // output queued in this pass
        evpl_send(flow.evpl, flow.server->bind, "late", 4);
        raw_reset(fd);
        break;
    case 5: // finishing
        for (int i = 0; i < 16; i++) {
            evpl_send(flow.evpl, flow.server->bind, bytes, sizeof(bytes));
        }
        evpl_finish(flow.evpl, flow.server->bind);
        loop_idle(flow.evpl, 20);
        raw_reset(fd);
        break;
    case 6: // closing here at the same time
        evpl_close(flow.evpl, flow.server->bind);
        raw_reset(fd);
        break;
    }
    RUN_UNTIL(flow.evpl, flow.server->disconnected, FLOW_WAIT_MS);
    flow_end(&flow);
}

static void
reset_client_side(int phase)
{
    struct flow flow = { .protocol = EVPL_STREAM_SOCKET_TCP };
    int listener, fd;

    flow_init(&flow);
    flow.evpl     = test_evpl();
    flow.endpoint = flow_endpoint(&flow);
    listener      = raw_listen(&flow, 16);
    flow_dial(&flow, &flow.client);
    evpl_send(flow.evpl, flow.client.bind, "question", 8);
    if (phase > 0) {
        RUN_UNTIL(flow.evpl, flow.client.connected, FLOW_WAIT_MS);
    }
    fd = accept(listener, NULL, NULL);
    CHECK(fd >= 0);
    if (phase == 2) {
        raw_write(fd, "ans", 3);
    }
    raw_reset(fd);
    RUN_UNTIL(flow.evpl, flow.client.disconnected, FLOW_WAIT_MS);
    close(listener);
    flow_end(&flow);
}

int
main(void)
{
    for (int phase = 0; phase <= 6; phase++) {
        reset_server_side(phase);
    }
    for (int phase = 0; phase <= 2; phase++) {
        reset_client_side(phase);
    }
    return 0;
}
