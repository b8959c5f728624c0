// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_TLS STREAM_IO_URING_TCP STREAM_SOCKET_UNIX STREAM_INPROC

// Length-prefixed messages of many sizes in both directions; the message carries the peer's address.

#include "../bind/flow.h"

#define MESSAGES 300

static unsigned int
size_of(int i)
{
    return 4 + (unsigned int) (i * 7919) % 20000;
}

static int
prefixed(struct evpl *evpl, struct evpl_bind *bind, void *private_data)
{
    struct side *side = private_data;
    uint32_t length;
    int got;

    CHECK(side->bind == bind);
    got = evpl_peek(evpl, bind, &length, 4);
    return got < 4 ? 0 : (int) ntohl(length);
}

static int
on_message(struct side *side, struct evpl_notify *notify)
{
    (void) side;
    if (notify->notify_type == EVPL_NOTIFY_RECV_MSG) {
        CHECK(notify->recv_msg.addr != NULL);
        CHECK(notify->recv_msg.niov >= 1);
    }
    return 0;
}

static void
send_all(struct side *side)
{
    static unsigned char bytes[20004];

    for (int i = 0; i < MESSAGES; i++) {
        uint32_t length = htonl(size_of(i));

        memcpy(bytes, &length, 4);
        memset(bytes + 4, i, size_of(i) - 4);
        evpl_send(side->evpl, side->bind, bytes, size_of(i));
    }
}

static void
check_all(struct side *side)
{
    const unsigned char *at = side->data;

    for (int i = 0; i < MESSAGES; i++) {
        CHECK_EQ(side->messages[i], size_of(i));
        for (unsigned int k = 4; k < size_of(i); k++) {
            CHECK(at[k] == (unsigned char) i);
        }
        at += size_of(i);
    }
}

int
main(void)
{
    struct flow flow = {
        .client_segment = prefixed, .server_segment = prefixed, .client_hook = on_message, .server_hook = on_message,
    };

    flow_connect(&flow);
    send_all(&flow.client);
    send_all(flow.server);
    RUN_UNTIL(flow.evpl, flow.client.recv_msg == MESSAGES && flow.server->recv_msg == MESSAGES, FLOW_WAIT_MS);
    check_all(&flow.client);
    check_all(flow.server);
    flow_end(&flow);
    return 0;
}
