// What one well-behaved connection of an echo server sees while others misbehave: round trips of 64 bytes
// at a steady pace, while a second thread annoys the server at a bounded rate.
//
//     victim PORT WHAT SECONDS
//
// WHAT is one of
//
//     quiet      nothing else happens
//     connects   2,000 connections a second that end at once, every other one with a reset
//     resets     1,000 connections a second that send 4 KiB and reset before they read the echo
//     deaf       16 connections that send and never read, as much as the server takes
//     trickle    64 connections that send a byte at a time, 20,000 bytes a second in all
#include "bench.h"

#include <fcntl.h>

#define SIZE       64
#define PACE_NS    250000
#define WARM_UP    100
#define TURNS_MAX  100000
#define PEERS_MAX  64
#define CHUNK      4096

static int port;
static volatile int done;

static int dial(void)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(fd, (struct sockaddr *) &address, sizeof(address)) != 0)
        die("connect");
    no_delay(fd);
    return fd;
}

static void close_with_reset(int fd)
{
    struct linger reset = { 1, 0 };

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
}

static void wait_until(uint64_t when)
{
    struct timespec ts = { when / 1000000000, when % 1000000000 };

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
        ;
}

static void *annoy(void *argument)
{
    const char *what = argument;
    static char chunk[CHUNK];
    int peers = strcmp(what, "deaf") == 0 ? 16 : strcmp(what, "trickle") == 0 ? PEERS_MAX : 0;
    int fds[PEERS_MAX], i;
    uint64_t next = now_ns(), turn;

    pin(1);
    for (i = 0; i < peers; i++) {
        fds[i] = dial();
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
    }
    for (turn = 0; !done; turn++) {
        if (strcmp(what, "connects") == 0 || strcmp(what, "resets") == 0) {
            int fd = dial();

            if (what[0] == 'r')
                (void) !send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL);
            if (what[0] == 'r' || turn % 2)
                close_with_reset(fd);
            else
                close(fd);
            next += what[0] == 'r' ? 1000000 : 500000;
        } else if (strcmp(what, "deaf") == 0) {
            (void) !send(fds[turn % peers], chunk, sizeof(chunk), MSG_NOSIGNAL);
            next += 500000;
        } else {
            char back[SIZE];

            (void) !send(fds[turn % peers], chunk, 1, MSG_NOSIGNAL);
            (void) !recv(fds[turn % peers], back, sizeof(back), 0);
            next += 50000;
        }
        wait_until(next);
    }
    for (i = 0; i < peers; i++)
        close_with_reset(fds[i]);
    return NULL;
}

int main(int argc, char **argv)
{
    static double round_trips[TURNS_MAX];
    char message[SIZE] = { 1 };
    pthread_t thread;
    uint64_t from, next;
    int fd, turns;

    if (argc < 4)
        return 2;
    port = atoi(argv[1]);
    give_up_after(atof(argv[3]) + 20);
    fd = dial();
    pin(1);
    if (strcmp(argv[2], "quiet") != 0 && pthread_create(&thread, NULL, annoy, argv[2]) != 0)
        die("thread");
    from = next = now_ns();
    for (turns = -WARM_UP; turns < TURNS_MAX; turns++) {
        uint64_t asked = now_ns();
        size_t got = 0;

        if (asked - from > atof(argv[3]) * 1e9)
            break;
        if (send(fd, message, SIZE, MSG_NOSIGNAL) != SIZE)
            die("send");
        while (got < SIZE) {
            ssize_t n = recv(fd, message + got, SIZE - got, 0);

            if (n <= 0)
                die("recv");
            got += n;
        }
        if (turns >= 0)
            round_trips[turns] = (now_ns() - asked) / 1e3;
        next += PACE_NS;
        wait_until(next);
    }
    done = 1;
    if (strcmp(argv[2], "quiet") != 0)
        pthread_join(thread, NULL);
    qsort(round_trips, turns, sizeof(double), by_size);
    figure("p50_us", round_trips[turns / 2]);
    figure("p99_us", round_trips[(long) turns * 99 / 100]);
    return 0;
}
