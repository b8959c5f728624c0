// matrix: none
// net: yes
// Resolving a name does not consume the program's random numbers.
#include "../test.h"

static void
notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *event, void *unused)
{
    (void) evpl;
    (void) bind;
    (void) event;
    (void) unused;
}

int
main(void)
{
    struct evpl_endpoint *endpoint;
    struct evpl *evpl;
    int first;

    test_init();
    evpl     = test_evpl();
    endpoint = evpl_endpoint_create("localhost", 0);
    srand(42);
    first = rand();
    srand(42);
    if (evpl_bind(evpl, EVPL_DATAGRAM_SOCKET_UDP, endpoint, notify, NULL) == NULL) {
        SKIP("localhost does not resolve here");
    }
    CHECK_EQ(rand(), first);
    evpl_endpoint_close(endpoint);
    evpl_destroy(evpl);
    return 0;
}
