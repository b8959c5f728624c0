// matrix: none
// A NULL config means the defaults; a loop can be made, passed and destroyed.
#include "../test.h"

int
main(void)
{
    struct evpl *evpl;

    evpl_init(NULL);
    evpl = test_evpl();
    RUN_PASSES(evpl, 3);
    evpl_destroy(evpl);
    return 0;
}
