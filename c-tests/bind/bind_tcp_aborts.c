// expect: exit 134 stderr=.

// evpl_bind with a protocol that connects is the caller's bug.

#include "flow.h"

int
main(void)
{
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    evpl_bind(evpl, EVPL_STREAM_SOCKET_TCP, evpl_endpoint_create("127.0.0.1", 9), side_notify, NULL);
    return 0;
}
