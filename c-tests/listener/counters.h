// SPDX-License-Identifier: MIT OR Apache-2.0

// Accepting ends that only count, for tests with more connections than a flow keeps.

#ifndef COUNTERS_H
#define COUNTERS_H

#include "../bind/flow.h"

struct counters {
    int attached, connected, disconnected;
    uint64_t received;
    int echo;
    struct evpl_bind *last;
    void (*on_attach)(struct counters *counters, struct evpl *evpl, struct evpl_bind *bind);
};

static inline void
counters_notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify, void *private_data)
{
    struct counters *counters = private_data;
    char bytes[4096];
    int got;

    switch (notify->notify_type) {
    case EVPL_NOTIFY_CONNECTED:
        counters->connected++;
        break;
    case EVPL_NOTIFY_DISCONNECTED:
        counters->disconnected++;
        break;
    case EVPL_NOTIFY_RECV_DATA:
        while ((got = evpl_recv(evpl, bind, bytes, sizeof(bytes), 0)) > 0) {
            counters->received += (uint64_t) got;
            if (counters->echo) {
                evpl_send(evpl, bind, bytes, (unsigned int) got);
            }
        }
        break;
    case EVPL_NOTIFY_RECV_MSG:
        counters->received += notify->recv_msg.length;
        evpl_iovecs_release(evpl, notify->recv_msg.iovec, (int) notify->recv_msg.niov);
        break;
    }
}

static inline void
counters_attach(struct evpl *evpl, struct evpl_bind *bind, evpl_notify_callback_t *notify,
                evpl_segment_callback_t *segment, void **conn_private, void *private_data)
{
    struct counters *counters = private_data;

    (void) segment;
    *notify       = counters_notify;
    *conn_private = counters;
    counters->attached++;
    counters->last = bind;
    if (counters->on_attach) {
        counters->on_attach(counters, evpl, bind);
    }
}

// A client that only counts.
static inline struct evpl_bind *
counters_dial(struct counters *counters, struct evpl *evpl, struct flow *flow)
{
    struct evpl_bind *bind = evpl_connect(evpl, flow->protocol, NULL, flow->endpoint, counters_notify, NULL, counters);

    CHECK(bind != NULL);
    return bind;
}

// The flow's library, loop, endpoint and listener, without an attachment.
static inline void
counters_start(struct flow *flow)
{
    flow_init(flow);
    flow->evpl     = test_evpl();
    flow->endpoint = flow_endpoint(flow);
    flow->listener = evpl_listener_create();
}

#endif
