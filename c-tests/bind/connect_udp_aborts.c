// expect: exit 134 stderr=.

// evpl_connect with a protocol that cannot connect is the caller's bug.

#include "flow.h"

int
main(void)
{
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    evpl_connect(evpl, EVPL_DATAGRAM_SOCKET_UDP, NULL, evpl_endpoint_create("127.0.0.1", 9), side_notify, NULL, NULL);
    return 0;
}
