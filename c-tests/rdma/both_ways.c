// protocols: DATAGRAM_INPROC DATAGRAM_TCP_RDMA
// timeout: 60

// Both ends read, write and send far more than sockets hold, at once: neither waits for the other for ever, and each
// message, read and write is whole.

#include "rdma_flow.h"

#define LENGTH (1u << 20)
#define COUNT  60

struct end {
    struct side *side;
    struct evpl_iovec memory, source, local[COUNT];
    uint32_t key;
    uint64_t address;
    int reads, writes;
};

static struct flow flow;
static struct end ends[2];

static void
read_done(int status, void *private_data)
{
    CHECK_EQ(status, 0);
    ((struct end *) private_data)->reads++;
}

static void
write_done(int status, void *private_data)
{
    CHECK_EQ(status, 0);
    ((struct end *) private_data)->writes++;
}

static void
start(struct end *end, struct end *other)
{
    struct evpl_bind *bind = end->side->bind;

    for (int i = 0; i < COUNT; i++) {
        evpl_rdma_read(flow.evpl, bind, other->key, other->address, &end->local[i], 1, read_done, end);
        evpl_rdma_write(flow.evpl, bind, other->key, other->address + LENGTH, &end->source, 1, 0, write_done, end);
        evpl_sendv(flow.evpl, bind, &end->source, 1, LENGTH, 0);
        if (i % 16 == 15) {
            evpl_continue(flow.evpl);
        }
    }
}

int
main(void)
{
    flow_connect(&flow);
    ends[0].side = &flow.client;
    ends[1].side = flow.server;
    for (int i = 0; i < 2; i++) {
        shared_alloc(flow.evpl, &ends[i].memory, 2 * LENGTH, 0);
        shared_alloc(flow.evpl, &ends[i].source, LENGTH, 0);
        pattern_fill(ends[i].memory.data, LENGTH, (uint64_t) i);
        pattern_fill(ends[i].source.data, LENGTH, (uint64_t) i + 9);
        for (int j = 0; j < COUNT; j++) {
            shared_alloc(flow.evpl, &ends[i].local[j], LENGTH, 0);
        }
        evpl_rdma_get_address(flow.evpl, ends[i].side->bind, &ends[i].memory, &ends[i].key, &ends[i].address);
    }
    start(&ends[0], &ends[1]);
    start(&ends[1], &ends[0]);
    for (int i = 0; i < 2; i++) {
        RUN_UNTIL(flow.evpl,
                  ends[i].reads == COUNT && ends[i].writes == COUNT && ends[i].side->length == (size_t) COUNT * LENGTH,
                  FLOW_WAIT_MS);
    }
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < COUNT; j++) {
            CHECK(pattern_matches(ends[i].local[j].data, LENGTH, (uint64_t) (1 - i)));
            CHECK(pattern_matches(ends[i].side->data + (size_t) j * LENGTH, LENGTH, (uint64_t) (1 - i) + 9));
        }
        CHECK(pattern_matches((char *) ends[i].memory.data + LENGTH, LENGTH, (uint64_t) (1 - i) + 9));
        evpl_iovecs_release(flow.evpl, ends[i].local, COUNT);
        evpl_iovec_release(flow.evpl, &ends[i].memory);
        evpl_iovec_release(flow.evpl, &ends[i].source);
    }
    flow_end(&flow);
    return 0;
}
