// matrix: none
// A mechanism that this system does not have ends evpl_init; the message names it.
#include "../test.h"

static void
init_with(void *mech)
{
    struct evpl_global_config *config = evpl_global_config_init();

    evpl_global_config_set_core_mech(config, *(enum evpl_core_mech *) mech);
    evpl_init(config);
}

int
main(void)
{
    enum evpl_core_mech kqueue = EVPL_CORE_MECH_KQUEUE, unknown = (enum evpl_core_mech) 99;

    CHECK_ABORTS(init_with, &kqueue, "kqueue");
    CHECK_ABORTS(init_with, &unknown, "unknown");
    return 0;
}
