// matrix: none
// Ids that are no protocol, or one this build lacks, are NULL and -1 with a line in the log.
#include "../test.h"

static void
notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *event, void *unused)
{
    (void) evpl;
    (void) bind;
    (void) event;
    (void) unused;
    CHECK(0);
}

int
main(void)
{
    struct evpl_endpoint *endpoint;
    struct evpl *evpl;
    int tried = 0;

    test_log_capture();
    test_init();
    evpl     = test_evpl();
    endpoint = evpl_endpoint_create("127.0.0.1", 1);
    for (int id = -3; id < EVPL_NUM_PROTO + 3; id++) {
        struct evpl_listener *listener;

        if (evpl_protocol_available(id)) {
            continue;
        }
        tried++;
        test_log_errors = 0;
        CHECK(evpl_connect(evpl, id, NULL, endpoint, notify, NULL, NULL) == NULL);
        CHECK_EQ(test_log_errors, 1);
        CHECK(evpl_bind(evpl, id, endpoint, notify, NULL) == NULL);
        CHECK_EQ(test_log_errors, 2);
        listener = evpl_listener_create();
        CHECK_EQ(evpl_listen(listener, id, endpoint), -1);
        CHECK_EQ(test_log_errors, 3);
        evpl_listener_destroy(listener);
    }
    CHECK(tried >= 6);
    evpl_endpoint_close(endpoint);
    evpl_destroy(evpl);
    return 0;
}
