// matrix: none
// Connecting a protocol that only binds, and binding one that only connects, end the process.
#include "../test.h"

static void
notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *event, void *unused)
{
    (void) evpl;
    (void) bind;
    (void) event;
    (void) unused;
}

static void
connect_udp(void *unused)
{
    struct evpl *evpl = test_evpl();

    (void) unused;
    evpl_connect(evpl, EVPL_DATAGRAM_SOCKET_UDP, NULL, evpl_endpoint_create("127.0.0.1", 1), notify,
                 NULL, NULL);
}

static void
bind_tcp(void *unused)
{
    struct evpl *evpl = test_evpl();

    (void) unused;
    evpl_bind(evpl, EVPL_STREAM_SOCKET_TCP, evpl_endpoint_create("127.0.0.1", 0), notify, NULL);
}

static void
connect_without_notify(void *unused)
{
    struct evpl *evpl = test_evpl();

    (void) unused;
    evpl_connect(evpl, EVPL_STREAM_INPROC, NULL, evpl_endpoint_create_inproc("x"), NULL, NULL,
                 NULL);
}

int
main(void)
{
    CHECK_ABORTS(connect_udp, NULL, "evpl_connect");
    CHECK_ABORTS(bind_tcp, NULL, "evpl_bind");
    CHECK_ABORTS(connect_without_notify, NULL, "evpl_connect");
    return 0;
}
