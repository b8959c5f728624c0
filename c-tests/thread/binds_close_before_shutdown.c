// net: yes
// A stopping thread delivers DISCONNECTED of its binds before shutdown runs.
#include "../test.h"

static char order[8];

static void
notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *event, void *unused)
{
    (void) evpl;
    (void) bind;
    (void) unused;
    if (event->notify_type == EVPL_NOTIFY_DISCONNECTED) {
        strcat(order, "d");
    }
}

static void *
init(struct evpl *evpl, void *endpoint)
{
    CHECK(evpl_bind(evpl, EVPL_DATAGRAM_SOCKET_UDP, endpoint, notify, NULL) != NULL);
    CHECK(evpl_bind(evpl, EVPL_DATAGRAM_SOCKET_UDP, endpoint, notify, NULL) != NULL);
    return endpoint;
}

static void
shutdown(struct evpl *evpl, void *endpoint)
{
    strcat(order, "s");
    CHECK(evpl_bind(evpl, EVPL_DATAGRAM_SOCKET_UDP, endpoint, notify, NULL) != NULL);
}

int
main(void)
{
    struct evpl_endpoint *endpoint;

    test_init();
    endpoint = evpl_endpoint_create("127.0.0.1", 0);
    evpl_thread_destroy(evpl_thread_create(test_thread_config(), init, shutdown, endpoint));
    CHECK_STR(order, "ddsd");
    evpl_endpoint_close(endpoint);
    return 0;
}
