// protocols: STREAM_IO_URING_TCP STREAM_SOCKET_TCP
// timeout: 30

// A loop with connections under traffic goes from thread to thread, some of which end, and is destroyed on yet
// another one. Its connections live on, and no byte is lost or comes twice.

#include "../bind/flow.h"

#define STEP (3 << 20)

static struct flow flow;
static uint64_t sent, checked;
static int runs_on;

static void
feed(void)
{
    static unsigned char bytes[STEP];

    pattern_fill(bytes, STEP, sent);
    side_send(&flow.client, bytes, STEP);
    sent += STEP;
}

static void
check(void)
{
    struct side *side = flow.server;

    CHECK(pattern_matches(side->data, side->length, checked));
    checked += side->length;
    side->length = 0;
}

// Leaves with much of it under way.
static void *
part(void *nothing)
{
    uint64_t from = checked;

    (void) nothing;
    feed();
    while (checked + flow.server->length < from + STEP / 3) {
        evpl_continue(flow.evpl);
    }
    check();
    return NULL;
}

static void *
rest(void *nothing)
{
    (void) nothing;
    RUN_UNTIL(flow.evpl, checked + flow.server->length == sent, FLOW_WAIT_MS);
    check();
    return NULL;
}

static int
stop_when_complete(struct side *side, struct evpl_notify *notify)
{
    if (!runs_on || notify->notify_type != EVPL_NOTIFY_RECV_DATA) {
        return 0;
    }
    side_take_data(side);
    if (checked + side->length == sent) {
        evpl_stop(side->evpl);
    }
    return 1;
}

static void *
run_on(void *nothing)
{
    (void) nothing;
    runs_on = 1;
    feed();
    evpl_run(flow.evpl);
    check();
    return NULL;
}

static void *
destroy(void *nothing)
{
    (void) nothing;
    feed();
    RUN_PASSES(flow.evpl, 1);
    flow_end(&flow);
    return NULL;
}

static void
on_thread(void *(*body)(void *) )
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, body, NULL) == 0);
    pthread_join(thread, NULL);
}

int
main(void)
{
    flow.server_hook = stop_when_complete;
    flow_connect(&flow);
    for (int i = 0; i < 6; i++) {
        part(NULL);
        on_thread(part);
        on_thread(part);
    }
    on_thread(rest);
    part(NULL);
    rest(NULL);
    on_thread(part);
    on_thread(run_on);
    on_thread(destroy);
    return 0;
}
