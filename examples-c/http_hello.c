// Answers every HTTP request with a greeting and closes: enough for curl.
//
//     http_hello [PORT]            until SIGTERM or SIGINT
//     curl http://127.0.0.1:8080/
#include <evpl/evpl.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_MAX 8192

// Looks at the bytes without taking them: 1 when the head is complete, 0 when not yet, -1 when it
// never will be.
static int head_state(struct evpl *evpl, struct evpl_bind *bind)
{
    char head[HEAD_MAX + 1];
    int length = evpl_peek(evpl, bind, head, HEAD_MAX);

    if (length <= 0)
        return 0;
    head[length] = '\0';
    if (strstr(head, "\r\n\r\n") != NULL)
        return strncmp(head, "GET ", 4) == 0 ? 1 : -1;
    return length == HEAD_MAX ? -1 : 0;
}

static void on_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                     void *private_data)
{
    static const char hello[] = "HTTP/1.0 200 OK\r\n"
                                "Content-Type: text/plain\r\n"
                                "Content-Length: 13\r\n"
                                "\r\n"
                                "hello, world\n";
    static const char bad[] = "HTTP/1.0 400 Bad Request\r\n"
                              "Content-Length: 0\r\n"
                              "\r\n";
    int state;

    (void) private_data;
    if (notify->notify_type != EVPL_NOTIFY_RECV_DATA || evpl_bind_is_closing(bind))
        return;
    state = head_state(evpl, bind);
    if (state == 0)
        return;
    if (state > 0)
        evpl_send(evpl, bind, hello, sizeof(hello) - 1);
    else
        evpl_send(evpl, bind, bad, sizeof(bad) - 1);
    evpl_finish(evpl, bind); // evpl_close would throw the answer away
}

static void on_accept(struct evpl *evpl, struct evpl_bind *bind, evpl_notify_callback_t *notify,
                      evpl_segment_callback_t *segment, void **conn_private_data,
                      void *private_data)
{
    (void) evpl, (void) bind, (void) segment, (void) conn_private_data, (void) private_data;
    *notify = on_event;
}

static struct evpl *loop;

// evpl_stop only wakes the loop, which a signal handler may do.
static void on_signal(int number)
{
    (void) number;
    evpl_stop(loop);
}

int main(int argc, char **argv)
{
    struct evpl_endpoint *endpoint =
        evpl_endpoint_create("0.0.0.0", argc > 1 ? atoi(argv[1]) : 8080);
    struct evpl_listener *listener = evpl_listener_create();
    struct evpl_listener_binding *binding;

    loop = evpl_create(NULL);
    binding = evpl_listener_attach(loop, listener, on_accept, NULL);
    if (evpl_listen(listener, EVPL_STREAM_SOCKET_TCP, endpoint) != 0) {
        perror("listen");
        return 1;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    printf("listening\n");
    fflush(stdout);
    evpl_run(loop);

    evpl_listener_destroy(listener);
    evpl_listener_detach(loop, binding);
    evpl_destroy(loop);
    evpl_endpoint_close(endpoint);
    return 0;
}
