// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Listener calls from inside attach and CONNECTED of accepted connections neither deadlock nor get lost.

#include "counters.h"

static struct flow flow;
static struct counters servers, clients, extra;
static struct evpl_endpoint *more[4];
static struct evpl_listener_binding *bindings[4];
static int done_in_attach, done_in_connected;

static void
exercise(struct evpl *evpl, int slot)
{
    struct evpl_listener *listener = evpl_listener_create();

    bindings[slot] = evpl_listener_attach(evpl, flow.listener, counters_attach, &extra);
    CHECK(bindings[slot] != NULL);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, more[slot]), 0);
    CHECK_EQ(evpl_listen(listener, flow.protocol, more[slot]), -1);
    CHECK_EQ(evpl_listen(listener, flow.protocol, more[slot + 2]), 0);
    evpl_listener_detach(evpl, bindings[slot]);
    evpl_listener_destroy(listener);
}

static void
on_attach(struct counters *counters, struct evpl *evpl, struct evpl_bind *bind)
{
    (void) counters, (void) bind;
    if (!done_in_attach++) {
        exercise(evpl, 0);
    }
}

static void
on_notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify, void *private_data)
{
    if (notify->notify_type == EVPL_NOTIFY_CONNECTED && !done_in_connected++) {
        exercise(evpl, 1);
    }
    counters_notify(evpl, bind, notify, private_data);
}

static void
attach(struct evpl *evpl, struct evpl_bind *bind, evpl_notify_callback_t *notify, evpl_segment_callback_t *segment,
       void **conn_private, void *private_data)
{
    counters_attach(evpl, bind, notify, segment, conn_private, private_data);
    *notify = on_notify;
}

int
main(void)
{
    counters_start(&flow);
    for (int i = 0; i < 4; i++) {
        struct flow scratch = { .protocol = flow.protocol };

        more[i] = flow_endpoint(&scratch);
    }
    servers.on_attach = on_attach;
    flow.binding      = evpl_listener_attach(flow.evpl, flow.listener, attach, &servers);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);
    for (int i = 0; i < 10; i++) {
        counters_dial(&clients, flow.evpl, &flow);
    }
    // Connections given to the listener that goes away again are closed, over TLS before they are connected.
    RUN_UNTIL(flow.evpl,
              clients.connected + clients.disconnected >= 10 &&
                  servers.connected + extra.connected + clients.disconnected >= 10,
              FLOW_WAIT_MS);
    CHECK(done_in_attach && done_in_connected);
    flow_end(&flow);
    for (int i = 0; i < 4; i++) {
        evpl_endpoint_close(more[i]);
    }
    return 0;
}
