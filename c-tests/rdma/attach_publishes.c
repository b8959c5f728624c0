// protocols: DATAGRAM_INPROC DATAGRAM_TCP_RDMA

// The server publishes its buffer and sends key and address from the attach callback; the client reads, writes
// and says so, on a thread of its own, and keeps its memory.

#include "rdma_flow.h"

struct offer {
    uint64_t address;
    uint32_t key;
};

static struct evpl_iovec buffer;
static struct evpl_listener *listener;
static struct evpl_listener_binding *binding;
static struct flow flow;
static atomic_int verified;

static void
on_attach(struct side *side)
{
    struct offer offer;

    evpl_rdma_get_address(side->evpl, side->bind, &buffer, &offer.key, &offer.address);
    CHECK(offer.key != 0);
    evpl_send(side->evpl, side->bind, &offer, sizeof(offer));
}

static int
on_server(struct side *side, struct evpl_notify *notify)
{
    if (notify->notify_type == EVPL_NOTIFY_RECV_MSG) {
        for (int i = 0; i < 4096; i++) {
            CHECK(((unsigned char *) buffer.data)[i] == 0xCD);
        }
        evpl_finish(side->evpl, side->bind);
        verified = 1;
    }
    return 0;
}

static void *
thread_start(struct evpl *evpl, void *private_data)
{
    shared_alloc(evpl, &buffer, 4096, 0xAB);
    binding = evpl_listener_attach(evpl, listener, flow_attach, &flow);
    return private_data;
}

static void
thread_stop(struct evpl *evpl, void *private_data)
{
    (void) private_data;
    evpl_listener_detach(evpl, binding);
    evpl_iovec_release(evpl, &buffer);
}

int
main(void)
{
    struct operation read = { 0 }, write = { 0 };
    struct evpl_thread *thread;
    struct evpl_iovec local;
    struct offer offer;

    flow.attach_hook = on_attach;
    flow.server_hook = on_server;
    flow_init(&flow);
    flow.endpoint = flow_endpoint(&flow);
    flow.evpl     = test_evpl();
    listener      = evpl_listener_create();
    thread        = evpl_thread_create(test_thread_config(), thread_start, thread_stop, NULL);
    CHECK_EQ(evpl_listen(listener, flow.protocol, flow.endpoint), 0);
    flow_dial(&flow, &flow.client);
    RUN_UNTIL(flow.evpl, flow.client.recv_msg == 1, FLOW_WAIT_MS);
    CHECK_EQ(flow.client.length, sizeof(offer));
    memcpy(&offer, flow.client.data, sizeof(offer));

    shared_alloc(flow.evpl, &local, 4096, 0);
    evpl_rdma_read(flow.evpl, flow.client.bind, offer.key, offer.address, &local, 1, operation_done, &read);
    RUN_UNTIL(flow.evpl, read.done, FLOW_WAIT_MS);
    CHECK_EQ(read.status, 0);
    for (int i = 0; i < 4096; i++) {
        CHECK(((unsigned char *) local.data)[i] == 0xAB);
    }
    memset(local.data, 0xCD, 4096);
    evpl_rdma_write(flow.evpl, flow.client.bind, offer.key, offer.address, &local, 1, 0, operation_done, &write);
    evpl_send(flow.evpl, flow.client.bind, "done", 4);
    RUN_UNTIL(flow.evpl, write.done && flow.client.disconnected, FLOW_WAIT_MS);
    CHECK_EQ(write.status, 0);
    CHECK(verified);
    evpl_iovec_release(flow.evpl, &local);
    evpl_thread_destroy(thread);
    evpl_listener_destroy(listener);
    flow_end(&flow);
    return 0;
}
