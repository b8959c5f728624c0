// Load for an echo server on loopback, the same for every server: CONNECTIONS that each have DEPTH
// messages of 64 bytes under way.
//
//     load PORT CONNECTIONS SECONDS SERVER_PID [DEPTH [COUNTS]]
//
// COUNTS is the file of the counters preloaded into the server.
#include "bench.h"
#include "counts.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#define SIZE      64
#define EVENTS    256
#define DEPTH_MAX 256
#define WARM_UP_S 0.1

static const struct counts *counts_open(const char *path)
{
    int fd = open(path, O_RDONLY);
    void *mapped;

    if (fd < 0)
        die(path);
    mapped = mmap(NULL, sizeof(struct counts), PROT_READ, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        die(path);
    close(fd);
    return mapped;
}

static int connection_open(int port)
{
    struct sockaddr_in address = loopback(port);
    struct linger reset = { 1, 0 }; // leaves no connection in TIME_WAIT behind
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(fd, (struct sockaddr *) &address, sizeof(address)) != 0)
        die("connect");
    no_delay(fd);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    return fd;
}

int main(int argc, char **argv)
{
    int port, connections, pid, depth, epoll, i, measuring = 0;
    unsigned long messages = 0;
    double seconds, cpu = 0, elapsed;
    const struct counts *counts;
    struct counts before = { { 0 } };
    char buffer[SIZE * DEPTH_MAX] = { 1 };
    int *fds, *got;
    uint64_t from, to, now;

    if (argc < 5)
        return 2;
    port = atoi(argv[1]);
    connections = atoi(argv[2]);
    seconds = atof(argv[3]);
    pid = atoi(argv[4]);
    depth = argc > 5 ? atoi(argv[5]) : 1;
    if (depth < 1 || depth > DEPTH_MAX)
        return 2;
    counts = argc > 6 ? counts_open(argv[6]) : NULL;
    give_up_after(seconds + 30);
    descriptors_to_the_limit();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    fds = calloc(connections, sizeof(*fds));
    got = calloc(connections, sizeof(*got));
    for (i = 0; i < connections; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };

        fds[i] = connection_open(port);
        epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event);
    }
    for (i = 0; i < connections; i++)
        if (send(fds[i], buffer, SIZE * depth, MSG_NOSIGNAL) != SIZE * depth)
            die("send");
    from = now_ns() + WARM_UP_S * 1e9;
    to = from + seconds * 1e9;
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, -1);

        now = now_ns();
        if (!measuring && now >= from) {
            measuring = 1;
            from = now;
            cpu = cpu_s_of(pid);
            if (counts != NULL)
                before = *counts;
            messages = 0;
        }
        if (measuring && now >= to)
            break;
        for (i = 0; i < n; i++) {
            int connection = events[i].data.u32;
            ssize_t length = recv(fds[connection], buffer, SIZE * depth, 0);
            int whole;

            if (length <= 0)
                die("recv");
            got[connection] += length;
            whole = got[connection] / SIZE;
            if (whole == 0)
                continue;
            got[connection] %= SIZE;
            messages += whole;
            if (send(fds[connection], buffer, SIZE * whole, MSG_NOSIGNAL) != SIZE * whole)
                die("send");
        }
    }
    elapsed = (now - from) / 1e9;
    figure("messages_per_s", messages / elapsed);
    figure("server_cpu_us_per_message", (cpu_s_of(pid) - cpu) * 1e6 / messages);
    for (i = 0; counts != NULL && i < COUNTED; i++)
        figure(counted_names[i], (double) (counts->values[i] - before.values[i]) / messages);
    return 0;
}
