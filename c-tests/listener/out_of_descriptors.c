// timeout: 40
// protocols: STREAM_SOCKET_TCP STREAM_IO_URING_TCP STREAM_SOCKET_UNIX

// Descriptors run out: connections wait in the backlog and are served once descriptors are free again, without
// another connection to wake the listener; connecting without a descriptor is DISCONNECTED.

#include "counters.h"
#include <sys/resource.h>

#define CLIENTS 12

int
main(void)
{
    struct flow flow = { 0 };
    struct counters clients = { 0 }, servers = { 0 };
    struct sockaddr_storage storage;
    struct rlimit limit = { 64, 64 };
    socklen_t length;
    int fds[CLIENTS], hogs[64], hog_count = 0;

    counters_start(&flow);
    flow.binding = evpl_listener_attach(flow.evpl, flow.listener, counters_attach, &servers);
    // Before the listen: the kernel may note the limit with the accept.
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(evpl_listen(flow.listener, flow.protocol, flow.endpoint), 0);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = raw_socket(&flow, &storage, &length);
        CHECK(fds[i] >= 0);
    }
    while (hog_count < 64 && (hogs[hog_count] = dup(0)) >= 0) {
        hog_count++;
    }
    CHECK(errno == EMFILE && hog_count < 64);
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_EQ(connect(fds[i], (struct sockaddr *) &storage, length), 0);
    }
    loop_idle(flow.evpl, 100);
    CHECK_EQ(servers.attached, 0);
    counters_dial(&clients, flow.evpl, &flow);
    RUN_UNTIL(flow.evpl, clients.disconnected == 1, FLOW_WAIT_MS);
    CHECK_EQ(clients.connected, 0);

    while (hog_count > 0) {
        close(hogs[--hog_count]);
    }
    RUN_UNTIL(flow.evpl, servers.connected == CLIENTS, FLOW_WAIT_MS);
    for (int i = 0; i < CLIENTS; i++) {
        close(fds[i]);
    }
    RUN_UNTIL(flow.evpl, servers.disconnected == CLIENTS, FLOW_WAIT_MS);
    flow_end(&flow);
    return 0;
}
