// A protocol of length-prefixed messages on a byte stream: four bytes of length, most significant
// first, then the text. A segment callback finds the messages, so that the program never sees half
// of one, however the bytes arrive. The server answers in capitals.
//
//     segmented [ADDRESS PORT]        both ends in one process; default inproc://segmented
#include <evpl/evpl.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER   4
#define TEXT_MAX 1000

// The length of the first message, 0 while its header is incomplete, or -1 to close: a length is
// the peer's claim, and an unreasonable one must not make us wait for that many bytes.
static int segment(struct evpl *evpl, struct evpl_bind *bind, void *private_data)
{
    uint32_t length;

    (void) private_data;
    if (evpl_peek(evpl, bind, &length, HEADER) < HEADER)
        return 0;
    length = ntohl(length);
    return length > TEXT_MAX ? -1 : (int) (HEADER + length);
}

// A message may lie in several pieces. Copies its text, terminates it and releases the pieces.
static void take_text(struct evpl *evpl, const struct evpl_notify_recv_msg *msg, char *text)
{
    char whole[HEADER + TEXT_MAX];
    unsigned int i, at = 0;

    for (i = 0; i < msg->niov; i++) {
        memcpy(whole + at, evpl_iovec_data(&msg->iovec[i]), evpl_iovec_length(&msg->iovec[i]));
        at += evpl_iovec_length(&msg->iovec[i]);
    }
    evpl_iovecs_release(evpl, msg->iovec, msg->niov);
    memcpy(text, whole + HEADER, at - HEADER);
    text[at - HEADER] = '\0';
}

static void send_text(struct evpl *evpl, struct evpl_bind *bind, const char *text)
{
    uint32_t length = htonl(strlen(text));

    evpl_send(evpl, bind, &length, HEADER);
    evpl_send(evpl, bind, text, strlen(text));
}

// The server.

static void server_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                         void *private_data)
{
    char text[TEXT_MAX + 1], *c;

    (void) private_data;
    if (notify->notify_type != EVPL_NOTIFY_RECV_MSG)
        return;
    take_text(evpl, &notify->recv_msg, text);
    for (c = text; *c; c++)
        *c = toupper((unsigned char) *c);
    send_text(evpl, bind, text);
}

static void server_accept(struct evpl *evpl, struct evpl_bind *bind,
                          evpl_notify_callback_t *notify, evpl_segment_callback_t *segment_callback,
                          void **conn_private_data, void *private_data)
{
    (void) evpl, (void) bind, (void) conn_private_data, (void) private_data;
    *notify = server_event;
    *segment_callback = segment;
}

// The client.

struct client {
    int answers, disconnected;
};

static void client_event(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify,
                         void *private_data)
{
    struct client *client = private_data;
    char text[TEXT_MAX + 1];
    uint32_t too_long = htonl(1u << 30);

    switch (notify->notify_type) {
    case EVPL_NOTIFY_RECV_MSG:
        take_text(evpl, &notify->recv_msg, text);
        printf("answer: %s\n", text);
        if (++client->answers == 3)
            evpl_send(evpl, bind, &too_long, HEADER);
        break;
    case EVPL_NOTIFY_DISCONNECTED:
        client->disconnected = 1;
        break;
    }
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "inproc://segmented";
    struct evpl_endpoint *endpoint = evpl_endpoint_create(address, argc > 2 ? atoi(argv[2]) : 0);
    struct evpl *evpl = evpl_create(NULL);
    struct evpl_listener *listener = evpl_listener_create();
    struct evpl_listener_binding *binding =
        evpl_listener_attach(evpl, listener, server_accept, NULL);
    enum evpl_protocol_id protocol = EVPL_STREAM_SOCKET_TCP;
    struct client client = { 0 };
    struct evpl_bind *bind;

    if (endpoint == NULL)
        return 2;
    if (evpl_endpoint_is_inproc(endpoint))
        protocol = EVPL_STREAM_INPROC;
    else if (evpl_endpoint_is_local(endpoint))
        protocol = EVPL_STREAM_SOCKET_UNIX;
    if (evpl_listen(listener, protocol, endpoint) != 0) {
        perror(address);
        return 1;
    }
    bind = evpl_connect(evpl, protocol, NULL, endpoint, client_event, segment, &client);
    send_text(evpl, bind, "hello");
    send_text(evpl, bind, "two messages in one send may arrive as one piece or as ten");
    send_text(evpl, bind, "");
    while (!client.disconnected)
        evpl_continue(evpl);
    printf("a message of 1 GiB was announced, and the server closed the connection\n");

    evpl_listener_destroy(listener);
    evpl_listener_detach(evpl, binding);
    evpl_destroy(evpl);
    evpl_endpoint_close(endpoint);
    return client.answers == 3 ? 0 : 1;
}
