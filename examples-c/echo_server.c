// Sends back whatever arrives on TCP port 7000.
//     cc echo_server.c $(pkg-config --cflags --libs evpl) -o echo_server
#include <evpl/evpl.h>

static void on_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify, void *arg)
{
    struct evpl_iovec iov[16];
    int n, length;

    (void) arg;
    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA)
        while ((n = evpl_recvv(evpl, bind, iov, 16, 1 << 20, &length)) > 0)
            evpl_sendv(evpl, bind, iov, n, length, EVPL_SEND_FLAG_TAKE_REF); // the same bytes, uncopied
}

static void on_accept(struct evpl *evpl, struct evpl_bind *bind, evpl_notify_callback_t *notify,
                      evpl_segment_callback_t *segment, void **conn_arg, void *arg)
{
    (void) evpl, (void) bind, (void) segment, (void) conn_arg, (void) arg;
    *notify = on_event;
}

int main(void)
{
    struct evpl *evpl              = evpl_create(NULL);
    struct evpl_listener *listener = evpl_listener_create();

    evpl_listener_attach(evpl, listener, on_accept, NULL);
    if (evpl_listen(listener, EVPL_STREAM_SOCKET_TCP, evpl_endpoint_create("0.0.0.0", 7000)) != 0)
        return 1;
    evpl_run(evpl);
}
