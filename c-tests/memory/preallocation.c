// matrix: none
// Slabs asked for at init are made in the background, and more when buffers run short.
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

static void
wait_for(const char *name, long long value)
{
    for (int i = 0; metric(name) != value; i++) {
        CHECK(i < 5000);
        test_sleep_ms(1);
    }
}

int
main(void)
{
    struct evpl_global_config *config = test_config();
    struct evpl_iovec iovecs[40];

    evpl_global_config_set_buffer_size(config, 65536);
    evpl_global_config_set_slab_size(config, 8 * 65536);
    evpl_global_config_set_preallocate_slabs(config, 2);
    evpl_init(config);
    CHECK_EQ(metric("evpl_allocator_target_buffers"), 16);
    wait_for("evpl_allocator_slabs_prealloc_total", 2);
    wait_for("evpl_allocator_free_buffers", 16);
    wait_for("evpl_allocator_outstanding_slabs", 0);
    for (int i = 0; i < 40; i++) {
        evpl_iovec_alloc_global(NULL, &iovecs[i]);
        memset(iovecs[i].data, i, iovecs[i].length);
    }
    CHECK_EQ(metric("evpl_allocator_slabs_inline_total"), 0);
    CHECK(metric("evpl_allocator_total_slabs") >= 5);
    wait_for("evpl_allocator_outstanding_slabs", 0);
    CHECK(metric("evpl_allocator_free_buffers") >= 16);
    for (int i = 0; i < 40; i++) {
        CHECK_EQ(((char *) iovecs[i].data)[65535], i);
    }
    evpl_iovecs_release(NULL, iovecs, 40);
    return 0;
}
