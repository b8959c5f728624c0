// Connections to an echo server on loopback, in plain C for every server.
//
//     connects sequential PORT SECONDS     connect and close, one after another
//     connects echo PORT SECONDS           connect, 64 bytes there and back, close, one after another
//     connects storm PORT COUNT UNDER_WAY  COUNT connections, all of which stay open; each is under way
//                                          until a byte of it was echoed
#include "bench.h"

#include <sys/epoll.h>

#define SIZE   64
#define EVENTS 256

// Closing resets, so that no connection stays behind in TIME_WAIT and takes a port.
static int stream_socket(int flags)
{
    struct linger reset = { 1, 0 };
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0);

    if (fd < 0)
        die("socket");
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    no_delay(fd);
    return fd;
}

static void sequential(int port, double seconds, int echo)
{
    struct sockaddr_in address = loopback(port);
    uint64_t from = now_ns(), now;
    unsigned long count = 0;
    char buffer[SIZE] = { 1 };

    do {
        int fd = stream_socket(0);

        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) != 0)
            die("connect");
        if (echo && (send(fd, buffer, SIZE, MSG_NOSIGNAL) != SIZE ||
                     recv(fd, buffer, SIZE, MSG_WAITALL) != SIZE))
            die("echo");
        close(fd);
        count++;
        now = now_ns();
    } while (now - from < seconds * 1e9);
    figure("connects_per_s", count * 1e9 / (now - from));
}

// A counter of the kernel's, which has its names in one line and its values in the next.
static double netstat(const char *name)
{
    static char names[8192], values[8192];
    FILE *file = fopen("/proc/net/netstat", "r");
    double found = 0;

    while (fgets(names, sizeof(names), file) != NULL && fgets(values, sizeof(values), file) != NULL) {
        char *at, *value, *rest, *value_rest;

        at = strtok_r(names, " \n", &rest);
        value = strtok_r(values, " \n", &value_rest);
        for (; at != NULL && value != NULL;
             at = strtok_r(NULL, " \n", &rest), value = strtok_r(NULL, " \n", &value_rest))
            if (strcmp(at, name) == 0)
                found = atof(value);
    }
    fclose(file);
    return found;
}

// Connections that the kernel turned away or answered with a cookie, for want of room.
static double overflows(void)
{
    return netstat("ListenOverflows") + netstat("ListenDrops") + netstat("TCPReqQFullDoCookies") +
           netstat("TCPReqQFullDrop");
}

static int epoll;

static void storm_start(int port)
{
    struct sockaddr_in address = loopback(port);
    struct epoll_event event = { .events = EPOLLOUT | EPOLLONESHOT };

    event.data.fd = stream_socket(SOCK_NONBLOCK);
    if (connect(event.data.fd, (struct sockaddr *) &address, sizeof(address)) != 0 &&
        errno != EINPROGRESS)
        die("connect");
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event) != 0)
        die("epoll_ctl");
}

static void storm(int port, int count, int under_way)
{
    double before = overflows();
    int started = 0, finished = 0, i;
    uint64_t from = now_ns();

    epoll = epoll_create1(EPOLL_CLOEXEC);
    while (finished < count) {
        struct epoll_event events[EVENTS];
        int n;

        for (; started < count && started - finished < under_way; started++)
            storm_start(port);
        n = epoll_wait(epoll, events, EVENTS, -1);
        for (i = 0; i < n; i++) {
            struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data = events[i].data };
            char byte = 1;

            if (events[i].events & EPOLLIN) {
                if (recv(event.data.fd, &byte, 1, 0) != 1)
                    die("recv");
                finished++;
                continue;
            }
            if (send(event.data.fd, &byte, 1, MSG_NOSIGNAL) != 1)
                die("send");
            epoll_ctl(epoll, EPOLL_CTL_MOD, event.data.fd, &event);
        }
    }
    figure("connects_per_s", count * 1e9 / (now_ns() - from));
    figure("overflows", overflows() - before);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    give_up_after(60);
    descriptors_to_the_limit();
    if (strcmp(argv[1], "storm") == 0 && argc > 4)
        storm(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
    else
        sequential(atoi(argv[2]), atof(argv[3]), strcmp(argv[1], "echo") == 0);
    return 0;
}
