// protocols: STREAM_SOCKET_TCP STREAM_SOCKET_UNIX STREAM_SOCKET_TLS

// A kernel that has no memory for a send is asked again; nothing is lost.

#include "../bind/flow.h"

#include <dlfcn.h>
#include <errno.h>

#define MESSAGE_LEN 100000

static int failures, failed;

static int
fails(void)
{
    if (failures == 0) {
        return 0;
    }
    failures--;
    failed++;
    errno = failed % 2 ? ENOBUFS : ENOMEM;
    return 1;
}

// In the place of the C library's.

ssize_t
send(int fd, const void *bytes, size_t length, int flags)
{
    return fails() ? -1 : sendto(fd, bytes, length, flags, NULL, 0);
}

ssize_t
sendmsg(int fd, const struct msghdr *message, int flags)
{
    static ssize_t (*next)(int, const struct msghdr *, int);

    if (next == NULL) {
        *(void **) &next = dlsym(RTLD_NEXT, "sendmsg");
    }
    return fails() ? -1 : next(fd, message, flags);
}

int
main(void)
{
    struct flow flow = { 0 };
    unsigned char *bytes = malloc(MESSAGE_LEN);
    size_t sent          = 0;

    flow_connect(&flow);
    pattern_fill(bytes, MESSAGE_LEN, 0);
    for (int round = 1; round <= 20; round++) {
        failures = round;
        evpl_send(flow.evpl, flow.client.bind, bytes, MESSAGE_LEN);
        sent += MESSAGE_LEN;
        RUN_UNTIL(flow.evpl, flow.server->length == sent, FLOW_WAIT_MS);
        CHECK_EQ(failures, 0);
        CHECK(memcmp(flow.server->data + sent - MESSAGE_LEN, bytes, MESSAGE_LEN) == 0);
    }
    CHECK_EQ(failed, 210);

    // Closed while it waits.
    failures = 3;
    evpl_send(flow.evpl, flow.client.bind, bytes, MESSAGE_LEN);
    evpl_continue(flow.evpl);
    evpl_close(flow.evpl, flow.client.bind);
    RUN_UNTIL(flow.evpl, flow.client.disconnected && flow.server->disconnected, FLOW_WAIT_MS);
    failures = 0;
    flow_end(&flow);
    free(bytes);
    return 0;
}
