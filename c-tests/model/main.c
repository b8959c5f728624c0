/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Model-based test: random programs of operations, run against the library and a reference model.
 *
 * Programs run in a child process, so that an abort inside the library is one failed program. The
 * seed of a program is the first seed plus its number.
 */

#define _GNU_SOURCE

#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver.h"

#define HANG_MS       60000
#define FAILURES_MAX  20
#define SHRINK_ROUNDS 400

static struct {
    long programs;
    uint64_t seed;
    const char *protocol;
    const char *mech;
    const char *dir;
    bool verbose;
    bool shrink;
    bool first_failure;
    enum transport transport;
    char name[256];
} options = { .programs = 1000, .seed = 1, .protocol = "STREAM_INPROC", .mech = "epoll" };

static const char *const protocols[] = { "STREAM_INPROC", "DATAGRAM_INPROC", "STREAM_SOCKET_TCP",
                                         "STREAM_SOCKET_UNIX", "DATAGRAM_SOCKET_UDP" };

static struct program program;

/** Runs programs in this process and reports each that passed. Does not return. */
__attribute__((noreturn)) static void
work(long first, long count, const bool *dropped, int report)
{
    long i;

    driver_init(options.transport, strcmp(options.mech, "select") == 0, options.dir,
                options.verbose);
    for (i = first; i < first + count; i++) {
        program_generate(&program, options.seed + (uint64_t) i, options.transport);
        if (dropped != NULL) {
            memcpy(program.dropped, dropped, sizeof(program.dropped));
        }
        driver_run(&program);
        if (report >= 0 && write(report, "", 1) != 1) {
            exit(4);
        }
    }
    exit(0); /* the library checks for leaked buffers here */
}

/** Runs programs in a child. Returns how many passed; `*status` is the child's end. */
static long
run_child(long first, long count, const bool *dropped, bool quiet, int *status)
{
    int report[2];
    long passed = 0;
    pid_t child;
    char seen[512];

    fflush(NULL);
    if (pipe(report) != 0 || (child = fork()) < 0) {
        perror("cannot start a child");
        exit(2);
    }
    if (child == 0) {
        close(report[0]);
        if (quiet && freopen("/dev/null", "w", stderr) == NULL) {
            exit(4);
        }
        work(first, count, dropped, report[1]);
    }
    close(report[1]);
    for (;;) {
        struct pollfd ready = { .fd = report[0], .events = POLLIN };
        ssize_t got;

        if (poll(&ready, 1, HANG_MS) == 0) {
            fprintf(stderr, "no progress for %d s\n", HANG_MS / 1000);
            kill(child, SIGABRT);
            break;
        }
        got = read(report[0], seen, sizeof(seen));
        if (got == 0) {
            break;
        }
        passed += got > 0 ? got : 0;
    }
    close(report[0]);
    waitpid(child, status, 0);
    return passed;
}

static void
print_replay(uint64_t seed)
{
    fprintf(stderr, "replay: %s --programs 1 --seed %llu --protocol %s --mech %s --verbose\n",
            options.name, (unsigned long long) seed, options.protocol, options.mech);
}

/** Drops operations while the program still fails, and prints those that remain. */
static void
shrink(long index)
{
    static bool dropped[PROGRAM_OPS], attempt[PROGRAM_OPS];
    int size, start, i, status, rounds = 0;
    char text[160];

    program_generate(&program, options.seed + (uint64_t) index, options.transport);
    for (size = program.ops_count / 2; size >= 1; size = size > 1 ? size / 2 : 0) {
        for (start = 0; start < program.ops_count && rounds < SHRINK_ROUNDS; start += size) {
            bool changes = false;

            memcpy(attempt, dropped, sizeof(attempt));
            for (i = start; i < start + size && i < program.ops_count; i++) {
                changes |= !attempt[i];
                attempt[i] = true;
            }
            if (changes) {
                rounds++;
                if (run_child(index, 1, attempt, true, &status) != 1 || status != 0) {
                    memcpy(dropped, attempt, sizeof(dropped));
                }
            }
        }
    }
    fprintf(stderr, "a shorter program that fails (%d loops, ending %d):\n", program.loops,
            program.ending);
    for (i = 0; i < program.ops_count; i++) {
        if (!dropped[i]) {
            program_describe_op(&program, i, text, sizeof(text));
            fprintf(stderr, "  %s\n", text);
        }
    }
    run_child(index, 1, dropped, false, &status);
}

/** Moves into a network of our own, where no port is taken. Without the right to, stays. */
static void
enter_own_network(void)
{
    struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
    int fd;

    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        return;
    }
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) != 0) {
        perror("cannot bring up the loopback interface");
        exit(2);
    }
    close(fd);
}

static void
parse(int argc, char **argv)
{
    int i;

    for (i = 1; i < argc; i++) {
        const char *name  = argv[i];
        const char *value = i + 1 < argc ? argv[i + 1] : "";

        if (strcmp(name, "--verbose") == 0) {
            options.verbose = true;
            continue;
        } else if (strcmp(name, "--shrink") == 0) {
            options.shrink = true;
            continue;
        } else if (strcmp(name, "--first-failure") == 0) {
            options.first_failure = true;
            continue;
        } else if (strcmp(name, "--programs") == 0) {
            options.programs = strtol(value, NULL, 0);
        } else if (strcmp(name, "--seed") == 0) {
            options.seed = strtoull(value, NULL, 0);
        } else if (strcmp(name, "--protocol") == 0) {
            options.protocol = value;
        } else if (strcmp(name, "--mech") == 0) {
            options.mech = value;
        } else {
            fprintf(stderr,
                    "usage: %s [--programs N] [--seed S] [--protocol NAME] [--mech epoll|select]"
                    " [--first-failure] [--shrink] [--verbose]\n",
                    argv[0]);
            exit(2);
        }
        i++;
    }
    for (i = 0; i < (int) (sizeof(protocols) / sizeof(protocols[0])); i++) {
        if (strcmp(protocols[i], options.protocol) == 0) {
            options.transport = (enum transport) i;
            return;
        }
    }
    fprintf(stderr, "no programs for protocol %s\n", options.protocol);
    exit(2);
}

int
main(int argc, char **argv)
{
    char dir[] = "/tmp/evpl-model-XXXXXX";
    long passed = 0, failed = 0, next = 0;
    int status = 0;

    snprintf(options.name, sizeof(options.name), "%s", argv[0]);
    parse(argc, argv);
    if (mkdtemp(dir) == NULL) {
        perror(dir);
        return 2;
    }
    options.dir = dir;
    enter_own_network();
    printf("%s on %s: seeds %llu to %llu\n", options.protocol, options.mech,
           (unsigned long long) options.seed,
           (unsigned long long) options.seed + (unsigned long long) options.programs - 1);
    while (next < options.programs && failed < (options.first_failure ? 1 : FAILURES_MAX)) {
        long done = run_child(next, options.programs - next, NULL, false, &status);

        passed += done;
        next += done;
        if (next == options.programs) {
            if (status != 0) {
                fprintf(stderr, "seeds up to %llu passed, but the process ended with status %#x\n",
                        (unsigned long long) options.seed + (unsigned long long) next - 1,
                        (unsigned int) status);
                failed++;
            }
            break;
        }
        failed++;
        fprintf(stderr, "seed %llu failed, status %#x\n",
                (unsigned long long) options.seed + (unsigned long long) next,
                (unsigned int) status);
        print_replay(options.seed + (uint64_t) next);
        if (options.shrink) {
            shrink(next);
        }
        next++;
    }
    rmdir(dir);
    printf("%ld passed, %ld failed\n", passed, failed);
    return failed != 0;
}
