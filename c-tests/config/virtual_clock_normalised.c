// matrix: none
// Any non-zero value turns the virtual clock on.
#include "../test.h"

int
main(void)
{
    struct evpl_global_config *config = evpl_global_config_init();

    evpl_global_config_set_virtual_clock(config, -256);
    evpl_init(config);
    evpl_virtual_clock_advance(5);
    CHECK_EQ(evpl_virtual_clock_now(), 5);
    return 0;
}
