// A Unix listener's path: there while it listens, gone after; a dead server's is replaced, a live server's and
// anything that is no socket never.

#include "counters.h"

static struct flow flow;
static struct counters servers, clients;

static void
raw_bind(int fd)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };

    memcpy(un.sun_path, flow.path, strlen(flow.path) + 1);
    CHECK_EQ(bind(fd, (struct sockaddr *) &un, sizeof(un)), 0);
}

int
main(void)
{
    struct stat before, after;
    int fd, accepted, backlog_full;

    setenv("EVPL_TEST_PROTOCOL", "STREAM_SOCKET_UNIX", 1);
    counters_start(&flow);
    flow.binding = evpl_listener_attach(flow.evpl, flow.listener, counters_attach, &servers);

    // Not a socket.
    fd = open(flow.path, O_CREAT | O_WRONLY, 0600);
    CHECK_EQ(write(fd, "keep", 4), 4);
    close(fd);
    CHECK_EQ(stat(flow.path, &before), 0);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), -1);
    CHECK_EQ(errno, EADDRINUSE);
    CHECK_EQ(stat(flow.path, &after), 0);
    CHECK(before.st_ino == after.st_ino && after.st_size == 4);
    unlink(flow.path);

    // A symbolic link to nowhere in particular.
    CHECK_EQ(symlink("/dev/null", flow.path), 0);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), -1);
    CHECK_EQ(lstat(flow.path, &after), 0);
    unlink(flow.path);

    // A live server, which sees the probe as a connection.
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    raw_bind(fd);
    CHECK_EQ(listen(fd, 0), 0);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), -1);
    CHECK_EQ(errno, EADDRINUSE);
    CHECK_EQ(stat(flow.path, &before), 0);
    accepted = accept(fd, NULL, NULL);
    CHECK(raw_is_closed(accepted, 5000));
    close(accepted);

    // Live, and its backlog full.
    backlog_full = raw_dial(&flow);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), -1);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), -1);
    CHECK_EQ(stat(flow.path, &after), 0);
    CHECK(before.st_ino == after.st_ino);
    close(backlog_full);

    // The server died and left its socket.
    close(fd);
    CHECK_EQ(stat(flow.path, &after), 0);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);
    CHECK_EQ(stat(flow.path, &after), 0);
    CHECK(S_ISSOCK(after.st_mode));
    counters_dial(&clients, flow.evpl, &flow);
    RUN_UNTIL(flow.evpl, servers.connected == 1, FLOW_WAIT_MS);

    evpl_listener_detach(flow.evpl, flow.binding);
    flow.binding = NULL;
    evpl_listener_destroy(flow.listener);
    flow.listener = NULL;
    CHECK(lstat(flow.path, &after) == -1 && errno == ENOENT);
    flow_end(&flow);
    return 0;
}
