// A program that another project would have: finds headers and library through the build system
// under test, moves a message, and exits 0.
#include <evpl/evpl.h>

#include <string.h>

static int connected, disconnected;

static void on_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                     void *private_data)
{
    char text[6] = { 0 };

    (void) private_data;
    if (notify->notify_type == EVPL_NOTIFY_CONNECTED)
        connected++;
    if (notify->notify_type == EVPL_NOTIFY_DISCONNECTED)
        disconnected++;
    if (notify->notify_type == EVPL_NOTIFY_RECV_DATA &&
        evpl_recv(evpl, bind, text, 5, EVPL_RECV_FLAG_ALL_OR_NONE) == 5 && strcmp(text, "hello") == 0)
        evpl_close(evpl, bind);
}

static void on_accept(struct evpl *evpl, struct evpl_bind *bind, evpl_notify_callback_t *notify,
                      evpl_segment_callback_t *segment, void **conn_private_data,
                      void *private_data)
{
    (void) evpl, (void) bind, (void) segment, (void) conn_private_data, (void) private_data;
    *notify = on_event;
}

int main(void)
{
    struct evpl *evpl = evpl_create(NULL);
    struct evpl_listener *listener = evpl_listener_create();
    struct evpl_endpoint *endpoint = evpl_endpoint_create_inproc("install");
    struct evpl_listener_binding *binding = evpl_listener_attach(evpl, listener, on_accept, NULL);
    struct evpl_bind *bind;

    if (evpl_listen(listener, EVPL_STREAM_INPROC, endpoint) != 0)
        return 1;
    bind = evpl_connect(evpl, EVPL_STREAM_INPROC, NULL, endpoint, on_event, NULL, NULL);
    evpl_send(evpl, bind, "hello", 5);
    while (disconnected < 2)
        evpl_continue(evpl);
    evpl_listener_destroy(listener);
    evpl_listener_detach(evpl, binding);
    evpl_destroy(evpl);
    evpl_endpoint_close(endpoint);
    return connected == 2 ? 0 : 1;
}
