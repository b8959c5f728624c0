// net: yes

// Without the permission for a directory or a port, listen returns -1 with EACCES and leaves nothing.

#include "counters.h"

int
main(void)
{
    struct evpl_endpoint *local, *port;
    struct evpl_listener *listener;
    char path[108];

    snprintf(path, sizeof(path), "%.80s/locked", test_tmpdir());
    CHECK_EQ(mkdir(path, 0555), 0);
    snprintf(path, sizeof(path), "%.80s/locked/s", test_tmpdir());
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
        SKIP("the superuser's rights cannot be given up");
    }
    test_init();
    listener = evpl_listener_create();
    local    = evpl_endpoint_create_local(path);
    port     = evpl_endpoint_create("127.0.0.1", 1);
    errno    = 0;
    CHECK_EQ(evpl_listen(listener, EVPL_STREAM_SOCKET_UNIX, local), -1);
    CHECK_EQ(errno, EACCES);
    errno = 0;
    CHECK_EQ(evpl_listen(listener, EVPL_STREAM_SOCKET_TCP, port), -1);
    CHECK_EQ(errno, EACCES);
    CHECK(access(path, F_OK) != 0);
    evpl_endpoint_close(local);
    evpl_endpoint_close(port);
    evpl_listener_destroy(listener);
    return 0;
}
