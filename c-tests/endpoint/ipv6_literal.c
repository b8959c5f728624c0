// matrix: none
// net: yes
// An IPv6 literal resolves; its address text has brackets.
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
    struct evpl_bind *bind;
    struct evpl *evpl;
    char text[EVPL_ADDRESS_STRLEN];

    if (access("/proc/net/if_inet6", F_OK) != 0) {
        SKIP("this kernel has no IPv6");
    }
    test_init();
    evpl     = test_evpl();
    endpoint = evpl_endpoint_create("::1", 7777);
    bind     = evpl_bind(evpl, EVPL_DATAGRAM_SOCKET_UDP, endpoint, notify, NULL);
    CHECK(bind != NULL);
    evpl_bind_get_local_address(bind, text, sizeof(text));
    CHECK_STR(text, "[::1]:7777");
    evpl_endpoint_close(endpoint);
    evpl_destroy(evpl);
    return 0;
}
