// matrix: none
// Every line of a scrape is a comment, empty, or `name{labels} integer` of a family announced before.
#include <regex.h>

#include "../test.h"

int
main(void)
{
    static char text[65536];
    struct evpl_iovec iovec;
    struct evpl *evpl;
    char family[128] = "", *rest, *line;
    regex_t sample;
    int samples = 0, last_was_empty = 0;

    test_init();
    evpl = test_evpl();
    CHECK_EQ(evpl_iovec_alloc(evpl, 10, 0, 1, 0, &iovec), 1);
    CHECK(evpl_metrics_scrape(text, sizeof(text)) > 0);
    CHECK(text[strlen(text) - 1] == '\n');
    CHECK(regcomp(&sample, "^[a-z_0-9]+\\{([a-z_]+=\"[^\"]*\",?)*\\} -?[0-9]+$",
                  REG_EXTENDED | REG_NOSUB) == 0);
    for (line = text; *line != '\0'; line = rest + 1) {
        rest = strchr(line, '\n');
        CHECK(rest != NULL);
        *rest = '\0';
        if (*line == '\0') {
            CHECK(!last_was_empty);
            last_was_empty = 1;
            continue;
        }
        last_was_empty = 0;
        if (strncmp(line, "# HELP ", 7) == 0) {
            CHECK(strchr(line + 7, ' ') != NULL);
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            CHECK(sscanf(line + 7, "%127s", family) == 1);
        } else {
            samples++;
            CHECK(regexec(&sample, line, 0, NULL, 0) == 0);
            CHECK(strncmp(line, family, strlen(family)) == 0);
        }
    }
    CHECK(samples >= 8);
    regfree(&sample);
    evpl_iovec_release(evpl, &iovec);
    evpl_destroy(evpl);
    return 0;
}
