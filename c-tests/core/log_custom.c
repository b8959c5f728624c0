// matrix: none
// A log function gets every level with format and arguments; NULL brings the default sink back.
#include "../test.h"

void evpl_debug(const char *module, const char *srcfile, int lineno, const char *fmt, ...);
void evpl_info(const char *module, const char *srcfile, int lineno, const char *fmt, ...);
void evpl_error(const char *module, const char *srcfile, int lineno, const char *fmt, ...);

static char last[512];
static int calls;

static void
sink(const char *level, const char *module, const char *srcfile, int lineno, const char *fmt,
     va_list argp)
{
    int used = snprintf(last, sizeof(last), "%s|%s|%s|%d|", level, module, srcfile, lineno);

    vsnprintf(last + used, sizeof(last) - (size_t) used, fmt, argp);
    calls++;
}

static void
default_again(void *unused)
{
    (void) unused;
    evpl_set_log_fn(sink, NULL);
    evpl_set_log_fn(NULL, NULL);
    evpl_info("core", "file", 1, "back again");
}

int
main(void)
{
    CHECK_CHILD(default_again, NULL, 0, "message=\"back again\"");
    evpl_set_log_fn(sink, NULL);
    evpl_debug("a", "b.c", 3, "%d %s %.2f %c %llx", 5, "six", 7.25, '8', 0x9ULL);
    CHECK_STR(last, "debug|a|b.c|3|5 six 7.25 8 9");
    evpl_info("a", "b.c", 3, "plain %%");
    CHECK_STR(last, "info|a|b.c|3|plain %");
    evpl_error("a", "b.c", 3, "%s%s%s%s%s%s%s%s", "1", "2", "3", "4", "5", "6", "7", "8");
    CHECK_STR(last, "error|a|b.c|3|12345678");
    CHECK_EQ(calls, 3);
    CHECK(evpl_endpoint_create_local("relative") == NULL);
    CHECK_EQ(calls, 4);
    CHECK(strncmp(last, "error|core|", 11) == 0);
    return 0;
}
