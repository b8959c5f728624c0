// matrix: none
// evpl_init aborts once the library is initialised, explicitly or not.
#include "../test.h"

static void
explicit_twice(void *unused)
{
    (void) unused;
    evpl_init(NULL);
    evpl_init(NULL);
}

static void
after_implicit(void *unused)
{
    (void) unused;
    evpl_destroy(evpl_create(NULL));
    evpl_init(evpl_global_config_init());
}

int
main(void)
{
    CHECK_ABORTS(explicit_twice, NULL, "evpl_init");
    CHECK_ABORTS(after_implicit, NULL, "level=fatal");
    return 0;
}
