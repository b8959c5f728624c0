// Sends one buffer to many peers without copying it. The buffer is filled once; every connection
// holds a reference to the same bytes, and the last one to be done gives the memory back.
//
//     zero_copy            the peers are in this process, where the very same bytes arrive
#include <evpl/evpl.h>

#include <stdio.h>
#include <string.h>

#define PEERS 8
#define SIZE  (1 << 20)

struct app {
    struct evpl_iovec page; // our own reference
    int accepted, sent, received, uncopied, open;
    unsigned long bytes;
};

// The sender: each accepted peer gets the page. Without EVPL_SEND_FLAG_TAKE_REF the library takes
// a reference of its own, and ours stays ours.
static void sender_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                         void *private_data)
{
    struct app *app = private_data;

    switch (notify->notify_type) {
    case EVPL_NOTIFY_CONNECTED:
        app->accepted++;
        evpl_bind_request_send_notifications(evpl, bind);
        evpl_sendv(evpl, bind, &app->page, 1, evpl_iovec_length(&app->page), 0);
        evpl_finish(evpl, bind);
        break;
    case EVPL_NOTIFY_SENT:
        // The transport is done with these bytes: the place to send more, if there were more.
        app->sent += notify->sent.bytes == SIZE;
        break;
    }
}

static void sender_accept(struct evpl *evpl, struct evpl_bind *bind,
                          evpl_notify_callback_t *notify, evpl_segment_callback_t *segment,
                          void **conn_private_data, void *private_data)
{
    (void) evpl, (void) bind, (void) segment;
    *notify = sender_event;
    *conn_private_data = private_data;
}

// The receiver takes references to the received bytes, looks at them in place, and gives the
// references back.
static void receiver_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                           void *private_data)
{
    struct app *app = private_data;
    struct evpl_iovec iov[16];
    int i, n;

    switch (notify->notify_type) {
    case EVPL_NOTIFY_RECV_DATA:
        while ((n = evpl_recvv(evpl, bind, iov, 16, SIZE, NULL)) > 0) {
            for (i = 0; i < n; i++) {
                app->bytes += evpl_iovec_length(&iov[i]);
                app->received++;
                app->uncopied += evpl_iovec_data(&iov[i]) == evpl_iovec_data(&app->page);
            }
            evpl_iovecs_release(evpl, iov, n);
        }
        break;
    case EVPL_NOTIFY_DISCONNECTED:
        app->open--;
        break;
    }
}

int main(void)
{
    struct evpl_endpoint *endpoint = evpl_endpoint_create_inproc("zero-copy");
    struct evpl *evpl = evpl_create(NULL);
    struct evpl_listener *listener = evpl_listener_create();
    struct evpl_listener_binding *binding;
    struct app app = { 0 };
    int i;

    // SHARED: the count is atomic, so that other threads may hold references too. Up to the
    // configured buffer size (2 MiB) an allocation is one contiguous piece.
    if (evpl_iovec_alloc(evpl, SIZE, 0, 1, EVPL_IOVEC_FLAG_SHARED, &app.page) != 1)
        return 1;
    memset(evpl_iovec_data(&app.page), 'x', SIZE);

    binding = evpl_listener_attach(evpl, listener, sender_accept, &app);
    if (evpl_listen(listener, EVPL_STREAM_INPROC, endpoint) != 0)
        return 1;
    for (i = 0; i < PEERS; i++) {
        if (evpl_connect(evpl, EVPL_STREAM_INPROC, NULL, endpoint, receiver_event, NULL, &app))
            app.open++;
    }
    while (app.open > 0)
        evpl_continue(evpl);

    printf("%d peers received %lu MiB in %d pieces, %d of them the sender's own bytes\n",
           app.accepted, app.bytes >> 20, app.received, app.uncopied);
    evpl_iovec_release(evpl, &app.page); // a reference that is kept would be reported at exit
    evpl_listener_destroy(listener);
    evpl_listener_detach(evpl, binding);
    evpl_destroy(evpl);
    evpl_endpoint_close(endpoint);
    return app.bytes == (unsigned long) PEERS * SIZE && app.sent == PEERS ? 0 : 1;
}
