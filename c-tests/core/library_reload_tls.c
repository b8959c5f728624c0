// matrix: none
// link: none
// cflags: -O1
// net: yes
// A thread that used TLS may end after the library was closed.
#include <dlfcn.h>

#include "../test.h"

#define LOAD(name) __typeof__(&name) p_##name = (__typeof__(&name)) dlsym(library, #name)

static int connected;

const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
    return "detect_leaks=0";
}

static void
notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *event, void *unused)
{
    (void) evpl;
    (void) bind;
    (void) unused;
    connected += event->notify_type == EVPL_NOTIFY_CONNECTED;
}

static void
attach(struct evpl *evpl, struct evpl_bind *bind, evpl_notify_callback_t *callback,
       evpl_segment_callback_t *segment, void **conn_private, void *unused)
{
    (void) evpl;
    (void) bind;
    (void) segment;
    (void) conn_private;
    (void) unused;
    *callback = notify;
}

static void *
use(void *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    struct evpl_global_config *config;
    struct evpl_endpoint *endpoint;
    struct evpl_listener *listener;
    struct evpl *evpl;
    uint64_t end = test_now_ns() + 15000000000ULL;

    CHECK(library != NULL);
    LOAD(evpl_global_config_init);
    LOAD(evpl_global_config_set_tls_verify_peer);
    LOAD(evpl_init);
    LOAD(evpl_create);
    LOAD(evpl_continue);
    LOAD(evpl_destroy);
    LOAD(evpl_endpoint_create);
    LOAD(evpl_endpoint_close);
    LOAD(evpl_listener_create);
    LOAD(evpl_listener_attach);
    LOAD(evpl_listener_destroy);
    LOAD(evpl_listen);
    LOAD(evpl_connect);
    config = p_evpl_global_config_init();
    p_evpl_global_config_set_tls_verify_peer(config, 0);
    p_evpl_init(config);
    evpl     = p_evpl_create(NULL);
    endpoint = p_evpl_endpoint_create("127.0.0.1", 18443);
    listener = p_evpl_listener_create();
    CHECK(p_evpl_listener_attach(evpl, listener, attach, NULL) != NULL);
    CHECK(p_evpl_listen(listener, EVPL_STREAM_SOCKET_TLS, endpoint) == 0);
    CHECK(p_evpl_connect(evpl, EVPL_STREAM_SOCKET_TLS, NULL, endpoint, notify, NULL, NULL) != NULL);
    while (connected < 2 && test_now_ns() < end) {
        p_evpl_continue(evpl);
    }
    CHECK_EQ(connected, 2);
    p_evpl_listener_destroy(listener);
    p_evpl_destroy(evpl);
    p_evpl_endpoint_close(endpoint);
    CHECK(dlclose(library) == 0);
    return path;
}

int
main(void)
{
    pthread_t thread;

    CHECK(getenv("EVPL_TEST_LIBRARY") != NULL);
    CHECK(pthread_create(&thread, NULL, use, getenv("EVPL_TEST_LIBRARY")) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    return 0;
}
