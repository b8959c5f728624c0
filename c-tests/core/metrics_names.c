// matrix: none
// Every family is there before any traffic, counters first, then gauges, then histograms, each with
// help and type.
#include "../test.h"

static const struct {
    const char *name, *type;
} families[] = {
    { "evpl_allocator_slabs_inline_total", "counter" },
    { "evpl_allocator_slabs_prealloc_total", "counter" },
    { "evpl_allocator_consumer_waits_total", "counter" },
    { "evpl_allocator_consumer_wait_ns_total", "counter" },
    { "evpl_block_queue_depth", "gauge" },
    { "evpl_rpc2_queue_depth", "gauge" },
    { "evpl_allocator_free_buffers", "gauge" },
    { "evpl_allocator_outstanding_slabs", "gauge" },
    { "evpl_allocator_target_buffers", "gauge" },
    { "evpl_allocator_total_slabs", "gauge" },
    { "evpl_block_latency_nanoseconds", "histogram" },
    { "evpl_block_request_bytes", "histogram" },
};

int
main(void)
{
    static char text[65536];
    char *at = text;
    char want[256];
    int length = evpl_metrics_scrape(text, sizeof(text));

    CHECK(length > 0);
    CHECK_EQ(length, strlen(text));
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        char *help, *type;

        snprintf(want, sizeof(want), "# HELP %s ", families[i].name);
        help = strstr(text, want);
        CHECK(help != NULL && help >= at);
        CHECK(help == text || help[-1] == '\n');
        snprintf(want, sizeof(want), "# TYPE %s %s\n", families[i].name, families[i].type);
        type = strstr(help, want);
        CHECK(type != NULL);
        CHECK(type == strchr(help, '\n') + 1);
        at = type;
        if (strncmp(families[i].name, "evpl_allocator", 14) == 0) {
            snprintf(want, sizeof(want), "\n%s{} 0\n", families[i].name);
            CHECK(strstr(type, want) == strchr(type, '\n'));
        }
    }
    return 0;
}
