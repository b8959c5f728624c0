// SPDX-License-Identifier: MIT OR Apache-2.0

// A server that publishes one buffer, and operations that count their completions.

#ifndef RDMA_FLOW_H
#define RDMA_FLOW_H

#include "../bind/flow.h"

struct operation {
    int done, status;
    struct side *side; // if set, checked to be still open at completion
};

static inline void
operation_done(int status, void *private_data)
{
    struct operation *operation = private_data;

    CHECK_EQ(operation->done, 0);
    if (operation->side) {
        CHECK_EQ(operation->side->disconnected, 0);
    }
    operation->done   = 1;
    operation->status = status;
}

// SHARED memory of one piece, so that it can be reached from any thread.
static inline void
shared_alloc(struct evpl *evpl, struct evpl_iovec *iovec, unsigned int length, int fill)
{
    CHECK_EQ(evpl_iovec_alloc(evpl, length, 0, 1, EVPL_IOVEC_FLAG_SHARED, iovec), 1);
    memset(iovec->data, fill, length);
}

#endif
