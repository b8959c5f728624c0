// matrix: none
// Each of these calls initialises the library: an evpl_init after it is one too many.
#include "../test.h"

struct prometheus_gauge_series *evpl_rpc2_queue_depth_create_series(const char *, const char *);

#define IMPLICIT(name, call)                                                                       \
    static void name(void *unused)                                                                 \
    {                                                                                              \
        (void) unused;                                                                             \
        call;                                                                                      \
        fprintf(stderr, "survived the first call\n");                                              \
        evpl_init(NULL);                                                                           \
    }

static char text[65536];
static enum evpl_protocol_id id;
static void *slab_private;

IMPLICIT(create, evpl_create(NULL))
IMPLICIT(metrics_scrape, evpl_metrics_scrape(text, sizeof(text)))
IMPLICIT(endpoint_create, evpl_endpoint_create("127.0.0.1", 1))
IMPLICIT(endpoint_create_local, evpl_endpoint_create_local("/tmp/x"))
IMPLICIT(endpoint_create_inproc, evpl_endpoint_create_inproc("x"))
IMPLICIT(listener_create, evpl_listener_create())
IMPLICIT(thread_create, evpl_thread_create(NULL, NULL, NULL, NULL))
IMPLICIT(threadpool_create, evpl_threadpool_create(NULL, 1, NULL, NULL, NULL))
IMPLICIT(protocol_lookup, evpl_protocol_lookup(&id, "no such name"))
IMPLICIT(protocol_available, evpl_protocol_available(EVPL_STREAM_SOCKET_TCP))
IMPLICIT(protocol_is_stream, evpl_protocol_is_stream(EVPL_STREAM_SOCKET_TCP))
IMPLICIT(protocol_is_local, evpl_protocol_is_local(EVPL_STREAM_SOCKET_TCP))
IMPLICIT(protocol_is_inproc, evpl_protocol_is_inproc(EVPL_STREAM_SOCKET_TCP))
IMPLICIT(get_slab_size, evpl_get_slab_size())
IMPLICIT(slab_alloc, evpl_slab_alloc(&slab_private))
IMPLICIT(block_open, evpl_block_open_device(EVPL_BLOCK_PROTOCOL_LIBAIO, "/nonexistent"))
IMPLICIT(rpc2_series, evpl_rpc2_queue_depth_create_series("server", "1"))

int
main(void)
{
    void (*const all[])(void *) = {
        create,           metrics_scrape,     endpoint_create,    endpoint_create_local,
        endpoint_create_inproc, listener_create, thread_create,   threadpool_create,
        protocol_lookup,  protocol_available, protocol_is_stream, protocol_is_local,
        protocol_is_inproc, get_slab_size,    slab_alloc,         block_open,
        rpc2_series,
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        fprintf(stderr, "case %zu\n", i);
        CHECK_ABORTS(all[i], NULL, "survived the first call");
        CHECK_ABORTS(all[i], NULL, "evpl_init");
    }
    return 0;
}
