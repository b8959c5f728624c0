// matrix: none
// The allocator's numbers follow what loops take and give back.
#include "../test.h"

static long long
metric(const char *name)
{
    static char text[65536];
    char want[128], *at;

    CHECK(evpl_metrics_scrape(text, sizeof(text)) > 0);
    snprintf(want, sizeof(want), "\n%s{} ", name);
    at = strstr(text, want);
    CHECK(at != NULL);
    return atoll(at + strlen(want));
}

int
main(void)
{
    struct evpl_global_config *config = test_config();
    struct evpl_iovec first, second;
    struct evpl *evpl;
    void *loan;

    evpl_global_config_set_slab_size(config, 1 << 20);
    evpl_global_config_set_buffer_size(config, 1 << 17);
    evpl_init(config);
    CHECK_EQ(metric("evpl_allocator_total_slabs"), 0);
    evpl = test_evpl();
    evpl_iovec_alloc_global(NULL, &first);
    CHECK_EQ(metric("evpl_allocator_total_slabs"), 1);
    CHECK_EQ(metric("evpl_allocator_slabs_inline_total"), 1);
    CHECK_EQ(metric("evpl_allocator_slabs_prealloc_total"), 0);
    evpl_iovec_alloc_global(NULL, &second);
    CHECK_EQ(metric("evpl_allocator_free_buffers"), 6);
    evpl_iovec_release(NULL, &second);
    evpl_iovec_release(NULL, &first);
    evpl_destroy(evpl);
    CHECK(evpl_slab_alloc(&loan) != NULL);
    CHECK_EQ(metric("evpl_allocator_slabs_inline_total"), 2);
    CHECK_EQ(metric("evpl_allocator_consumer_waits_total"), 0);
    CHECK_EQ(metric("evpl_allocator_target_buffers"), 0);
    return 0;
}
