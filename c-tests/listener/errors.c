// A listen that fails returns -1 with the reason in errno and leaves nothing; the listener stays usable.

#include "counters.h"

static void
check_listen(struct evpl_listener *listener, enum evpl_protocol_id protocol, struct evpl_endpoint *endpoint, int error)
{
    errno = 0;
    CHECK(endpoint != NULL);
    if (error == 0) {
        CHECK_EQ(evpl_listen(listener, protocol, endpoint), 0);
    } else {
        CHECK_EQ(evpl_listen(listener, protocol, endpoint), -1);
        CHECK_EQ(errno, error);
    }
    evpl_endpoint_close(endpoint);
}

int
main(void)
{
    enum evpl_protocol_id tcp = EVPL_STREAM_SOCKET_TCP, un = EVPL_STREAM_SOCKET_UNIX;
    struct evpl_listener *listener, *other;
    char path[108], missing[150];
    int port;

    test_init();
    listener = evpl_listener_create();
    other    = evpl_listener_create();
    port     = free_port(SOCK_STREAM);
    check_listen(listener, tcp, evpl_endpoint_create("127.0.0.1", port), 0);
    check_listen(listener, tcp, evpl_endpoint_create("127.0.0.1", port), EADDRINUSE);
    check_listen(other, tcp, evpl_endpoint_create("127.0.0.1", port), EADDRINUSE);
    check_listen(listener, tcp, evpl_endpoint_create("192.0.2.55", 0), EADDRNOTAVAIL);

    snprintf(path, sizeof(path), "%.80s/s", test_tmpdir());
    check_listen(listener, un, evpl_endpoint_create_local(path), 0);
    check_listen(listener, un, evpl_endpoint_create_local(path), EADDRINUSE);
    check_listen(listener, un, evpl_endpoint_create_local("@evpl-errors-test"), 0);
    check_listen(other, un, evpl_endpoint_create_local("@evpl-errors-test"), EADDRINUSE);
    snprintf(missing, sizeof(missing), "%.80s/no/such", test_tmpdir());
    check_listen(listener, un, evpl_endpoint_create_local(missing), ENOENT);

    // Usable after all of it.
    check_listen(listener, tcp, evpl_endpoint_create("127.0.0.1", free_port(SOCK_STREAM)), 0);
    evpl_listener_destroy(listener);
    evpl_listener_destroy(other);
    return 0;
}
