// What the benchmarks share: time, pinning, sockets, and how figures are printed. Every program prints
// lines of `name value`, which run.py reads.
// Compiled with -D_GNU_SOURCE.
#ifndef BENCH_H
#define BENCH_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static inline void die(const char *what)
{
    perror(what);
    exit(1);
}

static inline void figure(const char *name, double value)
{
    printf("%s %.9g\n", name, value);
    fflush(stdout);
}

// A core below zero is no pinning.
static inline void pin(int core)
{
    cpu_set_t set;

    if (core < 0)
        return;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set) != 0)
        die("pinning");
}

// Nobody waits for a benchmark that hangs.
static inline void give_up_after(unsigned int seconds)
{
    alarm(seconds);
}

static inline double process_cpu_s(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// Processor time of all threads of a process.
static inline double cpu_s_of(int pid)
{
    char path[300];
    unsigned long long total = 0, one;
    struct dirent *entry;
    DIR *tasks;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    tasks = opendir(path);
    if (tasks == NULL)
        die(path);
    while ((entry = readdir(tasks)) != NULL) {
        FILE *file;

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/proc/%d/task/%.200s/schedstat", pid, entry->d_name);
        file = fopen(path, "r");
        if (file == NULL)
            continue;
        if (fscanf(file, "%llu", &one) == 1)
            total += one;
        fclose(file);
    }
    closedir(tasks);
    return total / 1e9;
}

// Resident memory of a process in bytes.
static inline double rss_of(int pid)
{
    char path[64], line[256];
    unsigned long long kib = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
    file = fopen(path, "r");
    if (file == NULL)
        die(path);
    while (fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "Rss: %llu", &kib) == 1)
            break;
    fclose(file);
    return kib * 1024.0;
}

static inline int open_descriptors(void)
{
    DIR *fds = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(fds) != NULL)
        count++;
    closedir(fds);
    return count - 3; // ".", ".." and the directory itself
}

static inline void descriptors_to_the_limit(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static inline int by_size(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}

// The time of one operation, taken over batches: the median of the batches.
struct batches {
    double ns[1 << 16];
    int count;
    uint64_t started;
};

static inline void batch_end(struct batches *batches, int operations)
{
    uint64_t now = now_ns();

    if (batches->started != 0)
        batches->ns[batches->count++ & 0xffff] = (double) (now - batches->started) / operations;
    batches->started = now;
}

static inline double batches_percentile(struct batches *batches, int percent)
{
    int count = batches->count < 1 << 16 ? batches->count : 1 << 16;

    qsort(batches->ns, count, sizeof(*batches->ns), by_size);
    return batches->ns[(long) count * percent / 100];
}

static inline double batches_median(struct batches *batches)
{
    return batches_percentile(batches, 50);
}

static inline struct sockaddr_in loopback(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static inline void no_delay(int fd)
{
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static inline void pair_tcp(int *a, int *b)
{
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    *a = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *) &address, length) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *) &address, &length) != 0 ||
        connect(*a, (struct sockaddr *) &address, length) != 0 ||
        (*b = accept(listener, NULL, NULL)) < 0)
        die("tcp");
    no_delay(*a);
    no_delay(*b);
    close(listener);
}

// Two sockets that are not connected, as a bind of the library is not, and each one's peer.
static inline void pair_udp(int *a, int *b, struct sockaddr_in peers[2])
{
    int fds[2], i;

    for (i = 0; i < 2; i++) {
        socklen_t length = sizeof(peers[0]);

        peers[!i] = loopback(0);
        fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
        if (bind(fds[i], (struct sockaddr *) &peers[!i], length) != 0 ||
            getsockname(fds[i], (struct sockaddr *) &peers[!i], &length) != 0)
            die("udp");
    }
    *a = fds[0];
    *b = fds[1];
}

static inline void pair_unix(int *a, int *b)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        die("socketpair");
    *a = pair[0];
    *b = pair[1];
}

#endif
