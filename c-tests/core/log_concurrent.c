// matrix: none
// Lines of many threads stay whole.
#include "../test.h"

void evpl_info(const char *module, const char *srcfile, int lineno, const char *fmt, ...);

static void *
writer(void *number)
{
    for (int i = 0; i < 20; i++) {
        evpl_info("core", "file", 1, "thread %d line %d end", *(int *) number, i);
    }
    return NULL;
}

static void
write_all(void *unused)
{
    pthread_t threads[4];
    int numbers[4] = { 0, 1, 2, 3 };

    (void) unused;
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, writer, &numbers[i]) == 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
}

int
main(void)
{
    struct test_child *child = test_run_child(write_all, NULL);
    int next[4]              = { 0 };
    char *rest;

    CHECK_EQ(child->code, 0);
    for (char *line = strtok_r(child->output, "\n", &rest); line != NULL;
         line       = strtok_r(NULL, "\n", &rest)) {
        char *message = strstr(line, " message=\"");
        int thread, number, used = 0;

        CHECK(strncmp(line, "time=", 5) == 0);
        CHECK(message != NULL);
        CHECK(sscanf(message, " message=\"thread %d line %d end\"%n", &thread, &number, &used) == 2);
        CHECK(used > 0);
        CHECK(strcmp(line + strlen(line) - 8, "\"file:1\"") == 0);
        CHECK(thread >= 0 && thread < 4);
        CHECK_EQ(number, next[thread]++);
    }
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(next[i], 20);
    }
    return 0;
}
