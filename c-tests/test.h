/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * What every C test uses. CHECK ends the test with file and line, so a test reads as a list of
 * facts. The environment chooses mechanism, mode and protocol; without it the defaults are tested.
 */

#ifndef EVPL_C_TESTS_TEST_H
#define EVPL_C_TESTS_TEST_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <evpl/evpl.h>

/* Tests use what they need of this file. */
#define TEST_FN __attribute__((unused)) static

/** Ends the test as failed unless `cond` holds. */
#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #cond);               \
            fflush(NULL);                                                                          \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

/** CHECK of two integers that prints both. */
#define CHECK_EQ(a, b)                                                                             \
    do {                                                                                           \
        long long check_a = (long long) (a), check_b = (long long) (b);                            \
        if (check_a != check_b) {                                                                  \
            fprintf(stderr, "%s:%d: check failed: %s == %s (%lld, %lld)\n", __FILE__, __LINE__,    \
                    #a, #b, check_a, check_b);                                                     \
            fflush(NULL);                                                                          \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

/** CHECK of two strings that prints both. */
#define CHECK_STR(a, b)                                                                            \
    do {                                                                                           \
        const char *check_a = (a), *check_b = (b);                                                 \
        if (check_a == NULL || check_b == NULL || strcmp(check_a, check_b) != 0) {                 \
            fprintf(stderr, "%s:%d: check failed: %s == %s (\"%s\", \"%s\")\n", __FILE__,          \
                    __LINE__, #a, #b, check_a ? check_a : "NULL", check_b ? check_b : "NULL");     \
            fflush(NULL);                                                                          \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

/** Ends the test as skipped. */
#define SKIP(why)                                                                                  \
    do {                                                                                           \
        printf("skipped: %s\n", (why));                                                            \
        fflush(NULL);                                                                              \
        _exit(77);                                                                                 \
    } while (0)

/** Passes of the loop until `cond` holds; ends the test as failed after `ms` milliseconds. */
#define RUN_UNTIL(evpl, cond, ms)                                                                  \
    do {                                                                                           \
        uint64_t run_deadline = test_now_ns() + (uint64_t) (ms) * 1000000ULL;                      \
        while (!(cond)) {                                                                          \
            evpl_continue(evpl);                                                                   \
            if (!(cond) && test_now_ns() > run_deadline) {                                         \
                fprintf(stderr, "%s:%d: not within %d ms: %s\n", __FILE__, __LINE__, (int) (ms),   \
                        #cond);                                                                    \
                fflush(NULL);                                                                      \
                _exit(1);                                                                          \
            }                                                                                      \
        }                                                                                          \
    } while (0)

/** `count` passes of the loop. */
#define RUN_PASSES(evpl, count)                                                                    \
    do {                                                                                           \
        for (int run_pass = 0; run_pass < (int) (count); run_pass++) {                             \
            evpl_continue(evpl);                                                                   \
        }                                                                                          \
    } while (0)

/** Real time, never the virtual clock. */
TEST_FN uint64_t
test_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000000000ULL + (uint64_t) ts.tv_nsec;
}

/** CPU time this thread has used. */
TEST_FN uint64_t
test_cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t) ts.tv_sec * 1000000000ULL + (uint64_t) ts.tv_nsec;
}

TEST_FN void
test_sleep_ms(int ms)
{
    struct timespec ts = { ms / 1000, (long) (ms % 1000) * 1000000L };

    while (nanosleep(&ts, &ts) != 0 && errno == EINTR) {
    }
}

/** Whether the run asks for loops that never poll. */
TEST_FN int
test_event_mode(void)
{
    const char *mode = getenv("EVPL_TEST_MODE");

    return mode != NULL && strcmp(mode, "event") == 0;
}

/** A private directory for sockets and files. */
TEST_FN const char *
test_tmpdir(void)
{
    const char *directory = getenv("EVPL_TEST_TMPDIR");

    return directory != NULL ? directory : "/tmp";
}

/** `tmpdir/name`, in a buffer that the next call overwrites. */
TEST_FN const char *
test_path(const char *name)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", test_tmpdir(), name);
    return path;
}

TEST_FN enum evpl_core_mech
test_core_mech(void)
{
    const char *mech = getenv("EVPL_TEST_CORE_MECH");

    if (mech == NULL) {
        return EVPL_CORE_MECH_DEFAULT;
    }
    if (strcmp(mech, "epoll") == 0) {
        return EVPL_CORE_MECH_EPOLL;
    }
    if (strcmp(mech, "select") == 0) {
        return EVPL_CORE_MECH_SELECT;
    }
    fprintf(stderr, "EVPL_TEST_CORE_MECH=%s is not known\n", mech);
    _exit(2);
}

/** A global config for this run; a test may change it further before evpl_init. */
TEST_FN struct evpl_global_config *
test_config(void)
{
    struct evpl_global_config *config = evpl_global_config_init();

    CHECK(config != NULL);
    evpl_global_config_set_core_mech(config, test_core_mech());
    if (getenv("EVPL_TEST_PROTOCOL") != NULL &&
        strcmp(getenv("EVPL_TEST_PROTOCOL"), "STREAM_SOCKET_TLS") == 0) {
        // The certificate is one that the library makes itself.
        evpl_global_config_set_tls_verify_peer(config, 0);
    }
    return config;
}

TEST_FN void
test_init(void)
{
    evpl_init(test_config());
}

/** Initialises with the virtual clock, so that a pass never blocks. */
TEST_FN void
test_init_virtual(void)
{
    struct evpl_global_config *config = test_config();

    evpl_global_config_set_virtual_clock(config, 1);
    evpl_init(config);
}

/** A thread config for this run. A pass blocks for 10 ms at most, so RUN_UNTIL can give up. */
TEST_FN struct evpl_thread_config *
test_thread_config(void)
{
    struct evpl_thread_config *config = evpl_thread_config_init();

    CHECK(config != NULL);
    if (test_event_mode()) {
        evpl_thread_config_set_poll_mode(config, 0);
    }
    evpl_thread_config_set_wait_ms(config, 10);
    return config;
}

/** A loop with test_thread_config. */
TEST_FN struct evpl *
test_evpl(void)
{
    struct evpl_thread_config *config = test_thread_config();
    struct evpl *evpl                 = evpl_create(config);

    evpl_thread_config_release(config);
    CHECK(evpl != NULL);
    return evpl;
}

/** A loop with the given poll mode and wait bound. */
TEST_FN struct evpl *
test_evpl_with(int poll_mode, int poll_iterations, int wait_ms)
{
    struct evpl_thread_config *config = evpl_thread_config_init();
    struct evpl *evpl;

    evpl_thread_config_set_poll_mode(config, poll_mode);
    evpl_thread_config_set_poll_iterations(config, poll_iterations);
    evpl_thread_config_set_wait_ms(config, wait_ms);
    evpl = evpl_create(config);
    evpl_thread_config_release(config);
    return evpl;
}

/** What test_log_capture saw: messages at level error, and the last one of them. */
static int test_log_errors;
static char test_log_last_error[2048];

TEST_FN void
test_log_sink(const char *level, const char *module, const char *srcfile, int lineno,
              const char *fmt, va_list argp)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

    (void) module;
    (void) srcfile;
    (void) lineno;
    if (strcmp(level, "error") != 0) {
        return;
    }
    pthread_mutex_lock(&lock);
    test_log_errors++;
    vsnprintf(test_log_last_error, sizeof(test_log_last_error), fmt, argp);
    pthread_mutex_unlock(&lock);
}

/** Counts error messages in place of writing them. */
TEST_FN void
test_log_capture(void)
{
    test_log_errors        = 0;
    test_log_last_error[0] = '\0';
    evpl_set_log_fn(test_log_sink, NULL);
}

/** Ends the test as skipped, with the library's reason why it has no such protocol. */
TEST_FN void
test_skip_protocol(const char *name)
{
    struct evpl_listener *listener = evpl_listener_create();
    struct evpl_endpoint *endpoint = evpl_endpoint_create("127.0.0.1", 9);
    const char *why                = NULL;

    test_log_capture();
    for (int id = 0; id < EVPL_NUM_PROTO && why == NULL; id++) {
        if (!evpl_protocol_available((enum evpl_protocol_id) id)) {
            CHECK(evpl_listen(listener, (enum evpl_protocol_id) id, endpoint) == -1);
            why = strstr(test_log_last_error, name);
        }
    }
    SKIP(why != NULL ? why : name);
}

/** The protocol of this run; ends the test as skipped when it is not registered. */
TEST_FN enum evpl_protocol_id
test_protocol(void)
{
    enum evpl_protocol_id id;
    const char *name = getenv("EVPL_TEST_PROTOCOL");

    CHECK(name != NULL);
    if (evpl_protocol_lookup(&id, name) != 0) {
        test_skip_protocol(name);
    }
    return id;
}

/** Storage of its own page, filled with rubbish: the library may not rely on zeroes. */
TEST_FN void *
test_page_alloc(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(page != MAP_FAILED);
    memset(page, 0xaa, 4096);
    return page;
}

/** Frees such storage so that the next touch of it is a crash. The page is never used again. */
TEST_FN void
test_page_free(void *page)
{
    CHECK(mprotect(page, 4096, PROT_NONE) == 0);
}

/** How many descriptors this process has open. */
TEST_FN int
test_fd_count(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count      = 0;

    CHECK(directory != NULL);
    while (readdir(directory) != NULL) {
        count++;
    }
    closedir(directory);
    return count;
}

/** How a child ended: its exit code, or 128 plus the signal. */
struct test_child {
    int code;
    /** What it wrote to standard error. */
    char output[16384];
};

/** Runs `body(argument)` in a child and keeps its standard error. Call it before any init. */
TEST_FN struct test_child *
test_run_child(void (*body)(void *), void *argument)
{
    static struct test_child child;
    int fds[2];
    int status = 0;
    size_t used = 0;
    ssize_t got;
    pid_t pid;

    fflush(NULL);
    CHECK(pipe(fds) == 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        dup2(fds[1], 2);
        close(fds[1]);
        body(argument);
        exit(0);
    }
    close(fds[1]);
    while (used < sizeof(child.output) - 1 &&
           (got = read(fds[0], child.output + used, sizeof(child.output) - 1 - used)) > 0) {
        used += (size_t) got;
    }
    child.output[used] = '\0';
    close(fds[0]);
    CHECK(waitpid(pid, &status, 0) == pid);
    child.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return &child;
}

/** CHECKs that `body` aborts (134) with a fatal line that holds `text`. */
#define CHECK_ABORTS(body, argument, text) CHECK_CHILD(body, argument, 134, text)

/** CHECKs how `body` ends in a child, and that its standard error holds `text`. */
#define CHECK_CHILD(body, argument, exit_code, text)                                               \
    do {                                                                                           \
        struct test_child *check_child = test_run_child(body, argument);                           \
        if (check_child->code != (exit_code) || strstr(check_child->output, text) == NULL) {       \
            fprintf(stderr, "%s:%d: %s ended with %d, not %d and \"%s\"; it wrote:\n%s\n",         \
                    __FILE__, __LINE__, #body, check_child->code, (exit_code), text,               \
                    check_child->output);                                                          \
            fflush(NULL);                                                                          \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

#endif
