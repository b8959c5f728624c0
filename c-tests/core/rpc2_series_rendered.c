// matrix: none
// cflags: -rdynamic
// With the metrics library in the process a series is one of its own, and its text is in the scrape.
#include "../test.h"

struct prometheus_metrics {
    int unused;
};
struct prometheus_gauge {
    int unused;
};
struct prometheus_gauge_series {
    int live;
    char labels[128];
};

struct prometheus_gauge_series *evpl_rpc2_queue_depth_create_series(const char *, const char *);
void evpl_rpc2_queue_depth_destroy_series(struct prometheus_gauge_series *);

/* A stand-in for that library, as the program's own symbols. */
static struct prometheus_metrics registry;
static struct prometheus_gauge gauge;
static struct prometheus_gauge_series series[4];
static int series_count;

struct prometheus_metrics *
prometheus_metrics_create(char **names, char **values, int count)
{
    CHECK(names == NULL && values == NULL && count == 0);
    return &registry;
}

struct prometheus_gauge *
prometheus_metrics_create_gauge(struct prometheus_metrics *metrics, const char *name,
                                const char *help)
{
    CHECK(metrics == &registry && help != NULL);
    CHECK_STR(name, "evpl_rpc2_queue_depth");
    return &gauge;
}

struct prometheus_gauge_series *
prometheus_gauge_create_series(struct prometheus_gauge *of, const char **names, const char **values,
                               int count)
{
    CHECK(of == &gauge && count == 2);
    CHECK_STR(names[0], "role");
    CHECK_STR(names[1], "thread");
    series[series_count].live = 1;
    snprintf(series[series_count].labels, sizeof(series[0].labels), "role=\"%s\",thread=\"%s\"",
             values[0], values[1]);
    return &series[series_count++];
}

void
prometheus_gauge_destroy_series(struct prometheus_gauge *of, struct prometheus_gauge_series *which)
{
    CHECK(of == &gauge && which->live);
    which->live = 0;
}

int
prometheus_metrics_scrape(struct prometheus_metrics *metrics, char *buffer, int size)
{
    int used;

    CHECK(metrics == &registry);
    used = snprintf(buffer, (size_t) size,
                    "# HELP evpl_rpc2_queue_depth h\n# TYPE evpl_rpc2_queue_depth gauge\n");
    for (int i = 0; i < series_count; i++) {
        if (series[i].live) {
            used += snprintf(buffer + used, (size_t) (size - used),
                             "evpl_rpc2_queue_depth{%s} %d\n", series[i].labels, 10 + i);
        }
    }
    return used;
}

void
prometheus_metrics_destroy(struct prometheus_metrics *metrics)
{
    CHECK(metrics == &registry);
}

int
main(void)
{
    static char text[65536];
    struct prometheus_gauge_series *server, *client;
    char *type, *line;

    server = evpl_rpc2_queue_depth_create_series("server", "7");
    client = evpl_rpc2_queue_depth_create_series("client", "8");
    CHECK(server == &series[0] && client == &series[1]);
    CHECK(evpl_metrics_scrape(text, sizeof(text)) == (int) strlen(text));
    type = strstr(text, "# TYPE evpl_rpc2_queue_depth gauge\n");
    CHECK(type != NULL && strstr(type + 1, "# TYPE evpl_rpc2_queue_depth") == NULL);
    CHECK(type > strstr(text, "# TYPE evpl_block_queue_depth"));
    CHECK(type < strstr(text, "# TYPE evpl_allocator_free_buffers"));
    line = strchr(type, '\n') + 1;
    CHECK(strncmp(line, "evpl_rpc2_queue_depth{role=\"server\",thread=\"7\"} 10\n"
                        "evpl_rpc2_queue_depth{role=\"client\",thread=\"8\"} 11\n", 102) == 0);
    evpl_rpc2_queue_depth_destroy_series(server);
    CHECK(!server->live);
    evpl_metrics_scrape(text, sizeof(text));
    CHECK(strstr(text, "thread=\"7\"") == NULL && strstr(text, "thread=\"8\"") != NULL);
    evpl_rpc2_queue_depth_destroy_series(client);
    return 0;
}
