// timeout: 60
// matrix: mech

// iperf3 talks to its server through a proxy of two binds per connection, in both directions and with several
// streams.

#include "program.h"

struct half {
    struct evpl_bind *bind;
    struct half *other;
};

static struct evpl_endpoint *target;
static uint64_t moved;
static int open_halves;

static void
on_half(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify, void *private_data)
{
    struct half *half = private_data;
    struct evpl_iovec iovecs[16];
    int niov, length;

    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA) {
        while ((niov = evpl_recvv(evpl, bind, iovecs, 16, 1 << 20, &length)) > 0) {
            moved += (uint64_t) length;
            if (half->other) {
                evpl_sendv(evpl, half->other->bind, iovecs, niov, length, EVPL_SEND_FLAG_TAKE_REF);
            } else {
                evpl_iovecs_release(evpl, iovecs, niov);
            }
        }
    }
    if (notify->notify_type == EVPL_NOTIFY_DISCONNECTED) {
        if (half->other) {
            half->other->other = NULL;
            evpl_finish(evpl, half->other->bind);
        }
        open_halves--;
        free(half);
    }
}

static void
attach(struct evpl *evpl, struct evpl_bind *bind, evpl_notify_callback_t *notify, evpl_segment_callback_t *segment,
       void **conn_private, void *private_data)
{
    struct half *near = calloc(1, sizeof(*near)), *far = calloc(1, sizeof(*far));

    (void) segment, (void) private_data;
    open_halves += 2;
    *near         = (struct half) { .bind = bind, .other = far };
    far->other    = near;
    far->bind     = evpl_connect(evpl, EVPL_STREAM_SOCKET_TCP, NULL, target, on_half, NULL, far);
    *notify       = on_half;
    *conn_private = near;
    CHECK(far->bind != NULL);
}

int
main(void)
{
    static const char *options[] = { "-n 64M", "-n 64M -R", "-n 64M -P 4", "-n 16M --bidir" };
    struct flow flow = { .protocol = EVPL_STREAM_SOCKET_TCP };
    char server[100];
    pid_t pid;

    program_need("iperf3");
    library_init(NULL);
    flow.evpl     = test_evpl();
    flow.endpoint = flow_endpoint(&flow);
    flow.listener = evpl_listener_create();
    flow.binding  = evpl_listener_attach(flow.evpl, flow.listener, attach, NULL);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);
    for (int i = 0; i < 4; i++) {
        int port = free_port(SOCK_STREAM);

        target = evpl_endpoint_create("127.0.0.1", port);
        snprintf(server, sizeof(server), "iperf3 -s -1 -B 127.0.0.1 -p %d > server.log 2>&1", port);
        pid = program_start("%s", server);
        loop_idle(flow.evpl, 300);
        moved = 0;
        CHECK_EQ(program_wait(flow.evpl, program_start("iperf3 -c 127.0.0.1 -p %d %s > client.log 2>&1", flow.port, options[i]),
                              40000), 0);
        CHECK(moved >= 16 << 20);
        CHECK_EQ(program_wait(flow.evpl, pid, 10000), 0);
        RUN_UNTIL(flow.evpl, open_halves == 0, FLOW_WAIT_MS);
        evpl_endpoint_close(target);
    }
    flow_end(&flow);
    return 0;
}
