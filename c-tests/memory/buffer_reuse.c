// matrix: none
// Released buffers are used again: a loop that allocates for ever needs only one slab.
#include "../test.h"

static long long
total_slabs(void)
{
    static char text[65536];

    CHECK(evpl_metrics_scrape(text, sizeof(text)) > 0);
    return atoll(strstr(text, "\nevpl_allocator_total_slabs{} ") +
                 strlen("\nevpl_allocator_total_slabs{} "));
}

int
main(void)
{
    struct evpl_global_config *config = test_config();
    struct evpl *evpl, *other;

    evpl_global_config_set_buffer_size(config, 65536);
    evpl_global_config_set_slab_size(config, 16 * 65536);
    evpl_init(config);
    evpl  = test_evpl();
    other = test_evpl();
    for (int i = 0; i < 2000; i++) {
        struct evpl_iovec iovecs[4];

        CHECK_EQ(evpl_iovec_alloc(evpl, 3 * 65536 + 100, 0, 4, i & 1, iovecs), 4);
        evpl_iovecs_release(i & 2 ? evpl : NULL, iovecs, 4);
        CHECK_EQ(evpl_iovec_alloc(other, 65536, 0, 1, EVPL_IOVEC_FLAG_SHARED, iovecs), 1);
        evpl_iovec_release(i & 4 ? NULL : other, iovecs);
    }
    CHECK(total_slabs() <= 2);
    evpl_destroy(evpl);
    evpl_destroy(other);
    return 0;
}
