// Echo server on evpl: one listener, one loop.
//
//     echo_evpl event|default PORT|uring:PORT|rdma:PORT|@NAME
#include "address.h"
#include "bench.h"

static void on_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify, void *arg)
{
    struct evpl_iovec iov[16];
    int n, length;

    (void) arg;
    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA)
        while ((n = evpl_recvv(evpl, bind, iov, 16, 1 << 20, &length)) > 0)
            evpl_sendv(evpl, bind, iov, n, length, EVPL_SEND_FLAG_TAKE_REF);
    if (notify->notify_type == EVPL_NOTIFY_RECV_MSG)
        evpl_sendv(evpl, bind, notify->recv_msg.iovec, notify->recv_msg.niov, notify->recv_msg.length,
                   EVPL_SEND_FLAG_TAKE_REF);
}

static void on_accept(struct evpl *evpl, struct evpl_bind *bind, evpl_notify_callback_t *notify,
                      evpl_segment_callback_t *segment, void **conn_arg, void *arg)
{
    (void) evpl, (void) bind, (void) segment, (void) conn_arg, (void) arg;
    *notify = on_event;
}

int main(int argc, char **argv)
{
    struct evpl_thread_config *config = evpl_thread_config_init();
    struct evpl_endpoint *endpoint;
    struct evpl_listener *listener;
    struct evpl *evpl;

    if (argc < 3)
        return 2;
    descriptors_to_the_limit();
    evpl_thread_config_set_poll_mode(config, strcmp(argv[1], "default") == 0);
    evpl = evpl_create(config);
    evpl_thread_config_release(config);
    listener = evpl_listener_create();
    endpoint = address_endpoint(argv[2]);
    evpl_listener_attach(evpl, listener, on_accept, NULL);
    if (evpl_listen(listener, address_protocol(argv[2]), endpoint) != 0)
        die("listen");
    puts("listening");
    fflush(stdout);
    evpl_run(evpl);
}
