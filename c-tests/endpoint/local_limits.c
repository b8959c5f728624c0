// matrix: none
// A path has at most 107 bytes, an abstract name 108 with its @; unusable ones are NULL and a line.
#include "../test.h"

static void
check(const char *text, int accepted)
{
    int errors                     = test_log_errors;
    struct evpl_endpoint *endpoint = evpl_endpoint_create_local(text);

    CHECK((endpoint != NULL) == accepted);
    CHECK_EQ(test_log_errors, errors + !accepted);
    if (endpoint != NULL) {
        CHECK_STR(evpl_endpoint_address(endpoint), text);
        evpl_endpoint_close(endpoint);
    }
}

int
main(void)
{
    char text[200];

    test_log_capture();
    check(NULL, 0);
    check("", 0);
    check("/", 0);
    check("@", 0);
    check("relative/path", 0);
    check("nohost", 0);
    check("inproc://x", 0);
    check("/x", 1);
    check("@x", 1);
    for (size_t length = 105; length <= 111; length++) {
        memset(text, 'x', sizeof(text));
        text[length] = '\0';
        text[0]      = '/';
        check(text, length <= 107);
        text[0] = '@';
        check(text, length <= 108);
    }
    return 0;
}
