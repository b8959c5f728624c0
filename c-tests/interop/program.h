// SPDX-License-Identifier: MIT OR Apache-2.0

// Other people's programs as the peer, run by the shell while the loop goes on.

#ifndef PROGRAM_H
#define PROGRAM_H

#include "../bind/flow.h"

static inline void
program_need(const char *name)
{
    char command[128];
    static char why[128];

    snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", name);
    if (system(command) != 0) {
        snprintf(why, sizeof(why), "%s is not installed", name);
        SKIP(why);
    }
}

// Starts a shell command.
__attribute__((format(printf, 1, 2))) static inline pid_t
program_start(const char *format, ...)
{
    char command[1024] = "exec ";
    va_list args;
    pid_t pid;

    va_start(args, format);
    vsnprintf(command + 5, sizeof(command) - 5, format, args);
    va_end(args);
    fflush(NULL);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *) NULL);
        _exit(127);
    }
    return pid;
}

// Runs the loop until the program ends; its exit code.
static inline int
program_wait(struct evpl *evpl, pid_t pid, unsigned int ms)
{
    uint64_t end = now_ms() + ms;
    int status;

    while (waitpid(pid, &status, WNOHANG) == 0) {
        CHECK(now_ms() < end);
        evpl_continue(evpl);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline void
program_stop(pid_t pid)
{
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

// Waits until something accepts at the flow's endpoint; that connection is closed again.
static inline void
program_wait_listening(struct flow *flow)
{
    for (int i = 0; i < 500; i++) {
        struct sockaddr_storage storage;
        socklen_t length;
        int fd = raw_socket(flow, &storage, &length);
        int ok = connect(fd, (struct sockaddr *) &storage, length) == 0;

        close(fd);
        if (ok) {
            return;
        }
        test_sleep_ms(10);
    }
    CHECK(!"the program listens");
}

// What socat calls the flow's endpoint.
static inline const char *
program_socat_address(struct flow *flow)
{
    static char address[256];

    if (flow->abstract) {
        snprintf(address, sizeof(address), "ABSTRACT-CONNECT:%s", flow->path + 1);
    } else if (evpl_protocol_is_local(flow->protocol)) {
        snprintf(address, sizeof(address), "UNIX-CONNECT:%s", flow->path);
    } else {
        snprintf(address, sizeof(address), "TCP:127.0.0.1:%d", flow->port);
    }
    return address;
}

static inline void
file_write_pattern(const char *path, size_t length)
{
    unsigned char *bytes = malloc(length);
    FILE *file           = fopen(path, "wb");

    CHECK(file != NULL && bytes != NULL);
    pattern_fill(bytes, length, 0);
    CHECK_EQ(fwrite(bytes, 1, length, file), length);
    fclose(file);
    free(bytes);
}

static inline void
file_check_pattern(const char *path, size_t length)
{
    unsigned char *bytes = malloc(length + 1);
    FILE *file           = fopen(path, "rb");

    CHECK(file != NULL && bytes != NULL);
    CHECK_EQ(fread(bytes, 1, length + 1, file), length);
    CHECK(pattern_matches(bytes, length, 0));
    fclose(file);
    free(bytes);
}

#endif
