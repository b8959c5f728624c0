// matrix: none
// A buffer size of 0, or beyond the slab, is refused at init with the reason.
#include "../test.h"

static void
init_with(void *sizes)
{
    struct evpl_global_config *config = evpl_global_config_init();

    evpl_global_config_set_buffer_size(config, ((uint64_t *) sizes)[0]);
    evpl_global_config_set_slab_size(config, ((uint64_t *) sizes)[1]);
    evpl_init(config);
}

int
main(void)
{
    uint64_t zero[]     = { 0, 1 << 20 };
    uint64_t beyond[]   = { (1 << 20) + 1, 1 << 20 };
    uint64_t both[]     = { 0, 0 };
    uint64_t wide[]     = { 0x100000000ULL + 4096, 1 << 20 };
    uint64_t equal[]    = { 1 << 20, 1 << 20 };
    uint64_t datagram[] = { 4096, 1 << 20 };

    CHECK_ABORTS(init_with, zero, "buffer");
    CHECK_ABORTS(init_with, beyond, "buffer");
    CHECK_ABORTS(init_with, both, "buffer");
    CHECK_ABORTS(init_with, wide, "buffer");
    CHECK_CHILD(init_with, equal, 0, "");
    CHECK_CHILD(init_with, datagram, 0, "");
    return 0;
}
