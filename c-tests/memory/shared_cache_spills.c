// matrix: none
// A loop that only releases what others allocate gives buffers back to the pool for them.
#include "../test.h"

#define BUFFER 4096

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
    struct evpl *producer, *consumer;

    evpl_global_config_set_buffer_size(config, BUFFER);
    evpl_global_config_set_slab_size(config, 1024 * BUFFER);
    evpl_init(config);
    producer = test_evpl();
    consumer = test_evpl();
    for (int i = 0; i < 20000; i++) {
        struct evpl_iovec iovec;

        CHECK_EQ(evpl_iovec_alloc(producer, BUFFER, 0, 1, EVPL_IOVEC_FLAG_SHARED, &iovec), 1);
        evpl_iovec_release(consumer, &iovec);
    }
    CHECK(total_slabs() <= 3);
    evpl_destroy(producer);
    evpl_destroy(consumer);
    return 0;
}
