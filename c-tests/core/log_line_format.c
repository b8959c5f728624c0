// matrix: none
// The default sink writes one line of known form to standard error, in UTC, for every level.
#include <regex.h>
#include <sys/syscall.h>

#include "../test.h"

void evpl_debug(const char *module, const char *srcfile, int lineno, const char *fmt, ...);
void evpl_info(const char *module, const char *srcfile, int lineno, const char *fmt, ...);
void evpl_error(const char *module, const char *srcfile, int lineno, const char *fmt, ...);

static void
write_lines(void *unused)
{
    (void) unused;
    fprintf(stderr, "%d %ld %lld\n", (int) getpid(), syscall(SYS_gettid), (long long) time(NULL));
    evpl_debug("mod", "some/file.c", 42, "text %d \"%s\"", 7, "x");
    evpl_info("core", "f", 1, "%s", "two");
    evpl_error("http", "g", -1, "three %%");
}

int
main(void)
{
    static const char *const patterns[] = {
        "^time=[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{9}Z "
        "message=\"text 7 \"x\"\" process=[0-9]+ thread=[0-9]+ level=debug module=mod "
        "file=\"some/file\\.c:42\"$",
        "^time=[^ ]+Z message=\"two\" process=[0-9]+ thread=[0-9]+ level=info module=core "
        "file=\"f:1\"$",
        "^time=[^ ]+Z message=\"three %\" process=[0-9]+ thread=[0-9]+ level=error module=http "
        "file=\"g:-1\"$",
    };
    struct test_child *child;
    long pid, tid;
    long long now;
    char *line, *rest, want[128], utc[64];
    struct tm broken;
    time_t seconds;

    setenv("TZ", "Asia/Tokyo", 1);
    child = test_run_child(write_lines, NULL);
    CHECK_EQ(child->code, 0);
    line = strtok_r(child->output, "\n", &rest);
    CHECK(sscanf(line, "%ld %ld %lld", &pid, &tid, &now) == 3);
    for (int i = 0; i < 3; i++) {
        regex_t regex;

        line = strtok_r(NULL, "\n", &rest);
        CHECK(line != NULL);
        CHECK(regcomp(&regex, patterns[i], REG_EXTENDED | REG_NOSUB) == 0);
        if (regexec(&regex, line, 0, NULL, 0) != 0) {
            fprintf(stderr, "line: %s\n", line);
            CHECK(0);
        }
        regfree(&regex);
        snprintf(want, sizeof(want), " process=%ld thread=%ld ", pid, tid);
        CHECK(strstr(line, want) != NULL);
        seconds = (time_t) now;
        gmtime_r(&seconds, &broken);
        strftime(utc, sizeof(utc), "time=%Y-%m-%dT%H:", &broken);
        CHECK(strncmp(line, utc, strlen(utc)) == 0 || broken.tm_min == 59);
    }
    CHECK(strtok_r(NULL, "\n", &rest) == NULL);
    return 0;
}
