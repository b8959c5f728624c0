// matrix: none
// net: yes
// A resolved address is used again within its lifetime, and renewed after it, without harm.
#include "../test.h"

static void
notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *event, void *unused)
{
    (void) evpl;
    (void) bind;
    (void) event;
    (void) unused;
}

int
main(void)
{
    struct evpl_global_config *config = test_config();
    struct evpl_endpoint *endpoint;
    struct evpl *evpl;
    char text[EVPL_ADDRESS_STRLEN];

    evpl_global_config_set_resolve_timeout_ms(config, 1);
    evpl_init(config);
    evpl     = test_evpl();
    endpoint = evpl_endpoint_create("localhost", 0);
    for (int i = 0; i < 20; i++) {
        struct evpl_bind *bind =
            evpl_bind(evpl, EVPL_DATAGRAM_SOCKET_UDP, endpoint, notify, NULL);

        if (bind == NULL && i == 0) {
            SKIP("localhost does not resolve here");
        }
        CHECK(bind != NULL);
        evpl_bind_get_local_address(bind, text, sizeof(text));
        CHECK(strncmp(text, "127.0.0.1:", 10) == 0);
        evpl_close(evpl, bind);
        RUN_PASSES(evpl, 2);
        test_sleep_ms(i % 2 ? 3 : 0);
    }
    evpl_endpoint_close(endpoint);
    evpl_destroy(evpl);
    return 0;
}
