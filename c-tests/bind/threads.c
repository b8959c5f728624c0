// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_UNIX@ STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Client and server on different threads, each with its own loop: a thousand round trips.

#include "flow.h"

#define TRIPS 1000

static int
echo(struct side *side, struct evpl_notify *notify)
{
    char bytes[64];
    int got;

    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA) {
        while ((got = evpl_recv(side->evpl, side->bind, bytes, sizeof(bytes), 0)) > 0) {
            evpl_send(side->evpl, side->bind, bytes, (unsigned int) got);
        }
        return 1;
    }
    if (notify->notify_type == EVPL_NOTIFY_RECV_MSG) {
        evpl_sendv(side->evpl, side->bind, notify->recv_msg.iovec, (int) notify->recv_msg.niov,
                   (int) notify->recv_msg.length, EVPL_SEND_FLAG_TAKE_REF);
        return 1;
    }
    return 0;
}

static void *
thread_start(struct evpl *evpl, void *private_data)
{
    struct flow *flow = private_data;

    flow->binding = evpl_listener_attach(evpl, flow->listener, flow_attach, flow);
    return flow;
}

static void
thread_stop(struct evpl *evpl, void *private_data)
{
    struct flow *flow = private_data;

    evpl_listener_detach(evpl, flow->binding);
}

int
main(void)
{
    struct flow flow = { .server_hook = echo };
    struct evpl_thread *thread;

    flow_init(&flow);
    flow.endpoint = flow_endpoint(&flow);
    flow.evpl     = test_evpl();
    flow.listener = evpl_listener_create();
    thread        = evpl_thread_create(test_thread_config(), thread_start, thread_stop, &flow);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);
    flow_dial(&flow, &flow.client);
    for (size_t i = 0; i < TRIPS; i++) {
        evpl_send(flow.evpl, flow.client.bind, "ping", 4);
        RUN_UNTIL(flow.evpl, flow.client.length == 4 * (i + 1), FLOW_WAIT_MS);
    }
    evpl_finish(flow.evpl, flow.client.bind);
    RUN_UNTIL(flow.evpl, flow.client.disconnected, FLOW_WAIT_MS);
    // Stopping the thread finishes the server's end.
    evpl_thread_destroy(thread);
    flow.binding = NULL;
    CHECK_EQ(flow.accepts, 1);
    flow_end(&flow);
    return 0;
}
