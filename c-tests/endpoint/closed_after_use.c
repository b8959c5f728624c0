// matrix: none
// net: yes
// An endpoint may be closed right after the call that used it.
#include "../test.h"

static int received, closed;

static void
notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *event, void *unused)
{
    (void) bind;
    (void) unused;
    if (event->notify_type == EVPL_NOTIFY_RECV_MSG) {
        received++;
        evpl_iovecs_release(evpl, event->recv_msg.iovec, (int) event->recv_msg.niov);
    }
    closed += event->notify_type == EVPL_NOTIFY_DISCONNECTED;
}

int
main(void)
{
    struct evpl_endpoint *here, *there, *nowhere;
    struct evpl_bind *bind;
    struct evpl *evpl;

    test_init();
    evpl  = test_evpl();
    here  = evpl_endpoint_create("127.0.0.1", 5003);
    there = evpl_endpoint_create("127.0.0.1", 5004);
    bind  = evpl_bind(evpl, EVPL_DATAGRAM_SOCKET_UDP, here, notify, NULL);
    evpl_endpoint_close(here);
    CHECK(evpl_bind(evpl, EVPL_DATAGRAM_SOCKET_UDP, there, notify, NULL) != NULL);
    evpl_sendtoep(evpl, bind, there, "hello", 5);
    evpl_endpoint_close(there);
    nowhere = evpl_endpoint_create_inproc("closed after use");
    CHECK(evpl_connect(evpl, EVPL_STREAM_INPROC, NULL, nowhere, notify, NULL, NULL) != NULL);
    evpl_endpoint_close(nowhere);
    RUN_UNTIL(evpl, received == 1 && closed == 1, 2000);
    evpl_destroy(evpl);
    return 0;
}
