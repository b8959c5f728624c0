// matrix: none
// fatal flushes and exits with 1 and exit handlers; abort flushes and raises SIGABRT.
#include "../test.h"

void evpl_fatal(const char *module, const char *srcfile, int lineno, const char *fmt, ...)
    __attribute__((noreturn));

static void
sink(const char *level, const char *module, const char *srcfile, int lineno, const char *fmt,
     va_list argp)
{
    (void) srcfile;
    (void) lineno;
    fprintf(stderr, "<%s %s ", level, module);
    vfprintf(stderr, fmt, argp);
}

static void
flush(void)
{
    fprintf(stderr, " flushed>");
}

static void
at_exit(void)
{
    fprintf(stderr, "exit handler");
}

static void
fatal(void *unused)
{
    (void) unused;
    atexit(at_exit);
    evpl_set_log_fn(sink, flush);
    evpl_fatal("core", "f", 1, "%s %d", "number", 5);
}

static void
end(void *unused)
{
    (void) unused;
    evpl_set_log_fn(sink, flush);
    evpl_abort("core", "f", 1, "%s %d", "number", 6);
}

static void
end_by_default(void *unused)
{
    (void) unused;
    evpl_abort("mod", "f", 1, "plain %d", 7);
}

static void
fatal_by_default(void *unused)
{
    (void) unused;
    evpl_fatal("mod", "f", 1, "plain %d", 8);
}

int
main(void)
{
    CHECK_CHILD(fatal, NULL, 1, "<fatal core number 5 flushed>exit handler");
    CHECK_CHILD(end, NULL, 134, "<fatal core number 6 flushed>");
    CHECK_CHILD(end_by_default, NULL, 134, "message=\"plain 7\"");
    CHECK_CHILD(end_by_default, NULL, 134, "level=fatal");
    CHECK_CHILD(fatal_by_default, NULL, 1, "message=\"plain 8\"");
    return 0;
}
