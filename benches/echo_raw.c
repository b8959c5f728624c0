// Echo server in plain C around epoll: one thread, level-triggered, a small record for each connection.
//
//     echo_raw PORT
#include "bench.h"

#include <sys/epoll.h>

#define EVENTS 256
#define BUFFER (64 << 10)

// What was received and the socket did not take back yet.
struct connection {
    int fd;
    char *pending;
    size_t pending_at, pending_length;
};

static int epoll;

static void watch(struct connection *connection, int operation, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = connection };

    if (epoll_ctl(epoll, operation, connection->fd, &event) != 0)
        die("epoll_ctl");
}

static void accept_all(int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = calloc(1, sizeof(*connection));

        no_delay(fd);
        connection->fd = fd;
        watch(connection, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void drop(struct connection *connection)
{
    close(connection->fd);
    free(connection->pending);
    free(connection);
}

static void echo(struct connection *connection)
{
    static char buffer[BUFFER];
    ssize_t n = recv(connection->fd, buffer, sizeof(buffer), 0), sent;

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        drop(connection);
        return;
    }
    sent = send(connection->fd, buffer, n, MSG_NOSIGNAL);
    if (sent == n)
        return;
    if (sent < 0 && errno != EAGAIN) {
        drop(connection);
        return;
    }
    sent = sent < 0 ? 0 : sent;
    connection->pending = malloc(n - sent);
    memcpy(connection->pending, buffer + sent, n - sent);
    connection->pending_at = 0;
    connection->pending_length = n - sent;
    watch(connection, EPOLL_CTL_MOD, EPOLLOUT);
}

static void send_pending(struct connection *connection)
{
    ssize_t sent = send(connection->fd, connection->pending + connection->pending_at,
                        connection->pending_length - connection->pending_at, MSG_NOSIGNAL);

    if (sent < 0 && errno == EAGAIN)
        return;
    if (sent < 0) {
        drop(connection);
        return;
    }
    connection->pending_at += sent;
    if (connection->pending_at < connection->pending_length)
        return;
    free(connection->pending);
    connection->pending = NULL;
    watch(connection, EPOLL_CTL_MOD, EPOLLIN);
}

int main(int argc, char **argv)
{
    struct connection listener;
    struct sockaddr_in address;
    int one = 1, i;

    if (argc < 2)
        return 2;
    descriptors_to_the_limit();
    address = loopback(atoi(argv[1]));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    listener.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener.fd, (struct sockaddr *) &address, sizeof(address)) != 0 ||
        listen(listener.fd, 65535) != 0)
        die("listen");
    watch(&listener, EPOLL_CTL_ADD, EPOLLIN);
    puts("listening");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, -1);

        for (i = 0; i < n; i++) {
            struct connection *connection = events[i].data.ptr;

            if (connection == &listener)
                accept_all(listener.fd);
            else if (connection->pending != NULL)
                send_pending(connection);
            else
                echo(connection);
        }
    }
}
