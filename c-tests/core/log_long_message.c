// matrix: none
// However long a message is, its line keeps the fields and the newline.
#include "../test.h"

void evpl_info(const char *module, const char *srcfile, int lineno, const char *fmt, ...);

static void
write_long(void *length)
{
    static char text[10000];

    memset(text, 'x', *(size_t *) length);
    evpl_info("core", "file", 9, "%s", text);
    evpl_info("core", "file", 10, "next");
}

int
main(void)
{
    for (size_t length = 200; length < sizeof(((struct test_child *) 0)->output) / 2;
         length += length < 700 ? 7 : 977) {
        struct test_child *child = test_run_child(write_long, &length);
        char *end                = strchr(child->output, '\n');

        CHECK_EQ(child->code, 0);
        CHECK(end != NULL);
        *end = '\0';
        CHECK(strstr(child->output, "message=\"xxxxxxxxxx") != NULL);
        CHECK(strstr(child->output, " level=info module=core file=\"file:9\"") != NULL);
        CHECK(strstr(end + 1, "message=\"next\"") != NULL);
    }
    return 0;
}
