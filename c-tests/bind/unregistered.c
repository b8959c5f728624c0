// A protocol this process does not have: NULL or -1, one error line each that names it, and ids beyond the
// table are refused in the same way.

#include "flow.h"

static int errors;
static char text[512];

static void
on_log(const char *level, const char *module, const char *file, int line, const char *format, va_list args)
{
    (void) module, (void) file, (void) line;
    if (strcmp(level, "error") == 0) {
        errors++;
        vsnprintf(text, sizeof(text), format, args);
    }
}

static void
on_notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *notify, void *private_data)
{
    (void) evpl, (void) bind, (void) notify, (void) private_data;
    CHECK(!"a notification of a bind that does not exist");
}

int
main(void)
{
    static const struct {
        int id;
        const char *name;
    } protocols[] = {
        { EVPL_DATAGRAM_RDMACM_RC, "RDMACM" },    { EVPL_STREAM_XLIO_TCP, "XLIO" },
        { EVPL_STREAM_IO_URING_TCP, "IO_URING" }, { EVPL_DATAGRAM_RDMACM_UD, "RDMACM" },
        { EVPL_NUM_PROTO, "" },                   { -1, "" },
        { 1000000, "" },
    };
    struct evpl_endpoint *endpoint;
    struct evpl_listener *listener;
    struct evpl *evpl;
    int tried = 0;

    test_init();
    evpl     = test_evpl();
    listener = evpl_listener_create();
    endpoint = evpl_endpoint_create("127.0.0.1", free_port(SOCK_STREAM));
    evpl_set_log_fn(on_log, NULL);
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        enum evpl_protocol_id id = (enum evpl_protocol_id) protocols[i].id;

        if (evpl_protocol_available(id)) {
            continue;
        }
        tried++;
        CHECK_EQ(evpl_protocol_is_stream(id) | evpl_protocol_is_local(id) | evpl_protocol_is_inproc(id), 0);
        errors = 0;
        CHECK(evpl_connect(evpl, id, NULL, endpoint, on_notify, NULL, NULL) == NULL);
        CHECK_EQ(errors, 1);
        CHECK(strstr(text, protocols[i].name) != NULL);
        CHECK(evpl_bind(evpl, id, endpoint, on_notify, NULL) == NULL);
        CHECK_EQ(errors, 2);
        CHECK(strstr(text, protocols[i].name) != NULL);
        CHECK_EQ(evpl_listen(listener, id, endpoint), -1);
        CHECK_EQ(errors, 3);
        CHECK(strstr(text, protocols[i].name) != NULL);
    }
    CHECK(tried >= 3);
    loop_idle(evpl, 20);
    evpl_endpoint_close(endpoint);
    evpl_listener_destroy(listener);
    evpl_destroy(evpl);
    return 0;
}
