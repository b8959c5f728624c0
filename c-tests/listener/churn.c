// timeout: 40
// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// Listeners and loops come and go on several threads while clients dial: nothing hangs, nothing is lost count of.

#include "counters.h"

static struct flow flow;
static atomic_int stop, dialled, told;

static void *
dialler(void *unused)
{
    struct evpl *evpl = test_evpl();

    while (!stop) {
        struct counters clients = { 0 };

        for (int i = 0; i < 8; i++) {
            evpl_send(evpl, counters_dial(&clients, evpl, &flow), "x", 1);
        }
        for (int i = 0; i < 20 && clients.disconnected < 8; i++) {
            evpl_continue(evpl);
        }
        dialled += 8;
        // Ends must be told even when the loop goes first.
        evpl_destroy(evpl);
        CHECK_EQ(clients.disconnected, 8);
        told += 8;
        evpl = test_evpl();
    }
    evpl_destroy(evpl);
    return unused;
}

int
main(void)
{
    pthread_t threads[2];
    uint64_t end;

    flow_init(&flow);
    flow.endpoint = flow_endpoint(&flow);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, dialler, NULL), 0);
    }
    end = now_ms() + 1500;
    for (int round = 0; now_ms() < end; round++) {
        struct counters servers                = { 0 };
        struct evpl *evpl                      = test_evpl();
        struct evpl_listener *listener         = evpl_listener_create();
        struct evpl_listener_binding *binding = evpl_listener_attach(evpl, listener, counters_attach, &servers);

        if (evpl_listen(listener, flow.protocol, flow.endpoint) == 0) {
            loop_idle(evpl, 30);
        }
        if (round % 3 == 0) {
            evpl_listener_detach(evpl, binding);
            evpl_listener_destroy(listener);
        } else if (round % 3 == 1) {
            evpl_listener_destroy(listener);
            evpl_listener_detach(evpl, binding);
        }
        evpl_destroy(evpl);
        if (round % 3 == 2) {
            evpl_listener_destroy(listener);
        }
        CHECK_EQ(servers.attached, servers.disconnected);
    }
    stop = 1;
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK(dialled == told && dialled > 0);
    evpl_endpoint_close(flow.endpoint);
    return 0;
}
