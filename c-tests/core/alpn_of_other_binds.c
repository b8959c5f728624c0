// matrix: none
// A bind without TLS has no negotiated name.
#include "../test.h"

int evpl_tls_get_alpn(struct evpl_bind *bind, char *text, int length);

static int closed;

static void
notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *event, void *unused)
{
    (void) evpl;
    (void) bind;
    (void) unused;
    closed += event->notify_type == EVPL_NOTIFY_DISCONNECTED;
}

int
main(void)
{
    struct evpl_endpoint *endpoint;
    struct evpl_bind *bind;
    struct evpl *evpl;
    char text[16] = "unchanged";

    test_init();
    evpl     = test_evpl();
    endpoint = evpl_endpoint_create_inproc("nobody");
    bind     = evpl_connect(evpl, EVPL_STREAM_INPROC, NULL, endpoint, notify, NULL, NULL);
    CHECK(bind != NULL);
    CHECK_EQ(evpl_tls_get_alpn(bind, text, sizeof(text)), 0);
    CHECK_STR(text, "");
    RUN_UNTIL(evpl, closed == 1, 1000);
    evpl_endpoint_close(endpoint);
    evpl_destroy(evpl);
    return 0;
}
