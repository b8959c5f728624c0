// The library adopts the config; each mechanism gives a working loop.
#include "../test.h"

int
main(void)
{
    struct evpl *first, *second;

    test_init();
    first  = test_evpl();
    second = test_evpl();
    CHECK(first != second);
    RUN_PASSES(first, 2);
    RUN_PASSES(second, 2);
    evpl_destroy(first);
    RUN_PASSES(second, 2);
    evpl_destroy(second);
    return 0;
}
