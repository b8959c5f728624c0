// protocols: DATAGRAM_INPROC DATAGRAM_TCP_RDMA
// timeout: 60

// Eighty thousand operations and half as many messages under way, more than go out at once: each is answered once,
// reads and writes in the order of their kind, and every byte is in its place. Twice, so that the second round meets
// what the first one left.

#include "rdma_flow.h"

#define COUNT 80000
#define EACH  100

static struct flow flow;
static struct evpl_iovec remote, local;
static int answered[2];

static void
on_answer(int status, void *private_data)
{
    uintptr_t number = (uintptr_t) private_data;

    CHECK_EQ(status, 0);
    CHECK_EQ(number / 2, answered[number % 2]);
    answered[number % 2]++;
}

int
main(void)
{
    uint32_t key;
    uint64_t address;

    flow.config = test_config();
    evpl_global_config_set_buffer_size(flow.config, 8 << 20);
    flow_connect(&flow);
    shared_alloc(flow.evpl, &remote, COUNT * EACH, 0);
    shared_alloc(flow.evpl, &local, COUNT * EACH, 0);
    evpl_rdma_get_address(flow.evpl, flow.server->bind, &remote, &key, &address);
    for (int round = 0; round < 2; round++) {
        answered[0] = answered[1] = 0;
        memset(local.data, 0, COUNT * EACH);
        pattern_fill(remote.data, COUNT * EACH / 2, (uint64_t) round);
        for (uintptr_t i = 0; i < COUNT / 2; i++) {
            struct evpl_iovec into, from;

            evpl_iovec_clone_segment(&into, &local, (unsigned int) i * EACH, EACH);
            evpl_rdma_read(flow.evpl, flow.client.bind, key, address + i * EACH, &into, 1, on_answer, (void *) (2 * i));
            evpl_iovec_release(flow.evpl, &into);
            shared_alloc(flow.evpl, &from, EACH, (int) i + round);
            evpl_rdma_write(flow.evpl, flow.client.bind, key, address + (COUNT / 2 + i) * EACH, &from, 1,
                            EVPL_RDMA_FLAG_TAKE_REF, on_answer, (void *) (2 * i + 1));
            evpl_send(flow.evpl, flow.client.bind, &i, sizeof(i));
        }
        RUN_UNTIL(flow.evpl, answered[0] == COUNT / 2 && answered[1] == COUNT / 2, FLOW_WAIT_MS);
        RUN_UNTIL(flow.evpl, flow.server->recv_msg == (round + 1) * COUNT / 2, FLOW_WAIT_MS);
        CHECK(pattern_matches(local.data, COUNT * EACH / 2, (uint64_t) round));
        for (int i = 0; i < COUNT / 2 * EACH; i++) {
            CHECK_EQ(((unsigned char *) remote.data)[COUNT / 2 * EACH + i], (unsigned char) (i / EACH + round));
        }
    }
    for (uintptr_t i = 0; i < COUNT / 2; i++) {
        uintptr_t found;

        memcpy(&found, flow.server->data + i * sizeof(i), sizeof(i));
        CHECK_EQ(found, i);
    }
    evpl_iovec_release(flow.evpl, &remote);
    evpl_iovec_release(flow.evpl, &local);
    flow_end(&flow);
    return 0;
}
