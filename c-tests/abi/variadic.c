/*
 * The printf-like exports keep all their arguments, whatever registers or stack they travel in, and
 * the two that end the process do so after the line and the flush.
 */

#include <evpl/evpl_logging.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void evpl_debug(const char *module, const char *srcfile, int lineno, const char *fmt, ...);
void evpl_info(const char *module, const char *srcfile, int lineno, const char *fmt, ...);
void evpl_error(const char *module, const char *srcfile, int lineno, const char *fmt, ...);
void evpl_fatal(const char *module, const char *srcfile, int lineno, const char *fmt, ...);

static char last_line[512];
static int out_fd = -1;

static void
take_line(const char *level, const char *module, const char *srcfile, int lineno, const char *fmt,
          va_list argp)
{
    int n = snprintf(last_line, sizeof(last_line), "%s %s %s:%d ", level, module, srcfile, lineno);

    vsnprintf(last_line + n, sizeof(last_line) - (size_t) n, fmt, argp);
    if (out_fd >= 0 && write(out_fd, last_line, strlen(last_line)) < 0) {
        _exit(9);
    }
}

static void
flush(void)
{
    if (write(out_fd, " flushed", 8) < 0) {
        _exit(9);
    }
}

static void
expect(const char *text)
{
    if (strcmp(last_line, text) != 0) {
        fprintf(stderr, "expected '%s'\ngot      '%s'\n", text, last_line);
        exit(1);
    }
}

/* What a child that calls `function` writes, and its wait status. */
static int
run_child(void (*function)(const char *, const char *, int, const char *, ...), char *text,
          size_t size)
{
    int fds[2], status;
    size_t used = 0;
    ssize_t n;
    pid_t child;

    if (pipe(fds) != 0 || (child = fork()) < 0) {
        perror("pipe or fork");
        exit(1);
    }
    if (child == 0) {
        out_fd = fds[1];
        function("m", "f", 1, "%s %d", "gone", 7);
        _exit(8);
    }
    close(fds[1]);
    while (used < size - 1 && (n = read(fds[0], text + used, size - 1 - used)) > 0) {
        used += (size_t) n;
    }
    text[used] = '\0';
    close(fds[0]);
    waitpid(child, &status, 0);
    return status;
}

int
main(void)
{
    char text[512];
    int status;

    evpl_set_log_fn(take_line, flush);
    evpl_debug("m", "f.c", 3, "plain");
    expect("debug m f.c:3 plain");
    evpl_info("m", "f.c", 4, "%d %s %.2f %c %ld %.1f %d %d %d %.3f %s", 1, "two", 3.25, '4', 5L, 6.5,
              7, 8, 9, 10.125, "eleven");
    expect("info m f.c:4 1 two 3.25 4 5 6.5 7 8 9 10.125 eleven");
    evpl_error("m", "f.c", 5, "%.0f%.0f%.0f%.0f%.0f%.0f%.0f%.0f%.0f%.0f", 0.0, 1.0, 2.0, 3.0, 4.0,
               5.0, 6.0, 7.0, 8.0, 9.0);
    expect("error m f.c:5 0123456789");

    status = run_child(evpl_fatal, text, sizeof(text));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 1 ||
        strcmp(text, "fatal m f:1 gone 7 flushed") != 0) {
        fprintf(stderr, "evpl_fatal: status %d, '%s'\n", status, text);
        return 1;
    }
    status = run_child(evpl_abort, text, sizeof(text));
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT ||
        strcmp(text, "fatal m f:1 gone 7 flushed") != 0) {
        fprintf(stderr, "evpl_abort: status %d, '%s'\n", status, text);
        return 1;
    }
    return 0;
}
