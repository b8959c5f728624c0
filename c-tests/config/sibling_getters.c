// matrix: none
// The limits of the HTTP and RPC libraries come from the adopted config; 0 restores RPC's default.
#include "../test.h"

unsigned int evpl_global_config_get_http_max_header_size(void);
unsigned int evpl_config_rpc2_max_message_size(void);

static void
defaults(void *unused)
{
    (void) unused;
    evpl_init(NULL);
    CHECK_EQ(evpl_global_config_get_http_max_header_size(), 8192);
    CHECK_EQ(evpl_config_rpc2_max_message_size(), 4194304);
}

static void
chosen(void *unused)
{
    struct evpl_global_config *config = evpl_global_config_init();

    (void) unused;
    evpl_global_config_set_http_max_header_size(config, 0);
    evpl_global_config_set_rpc2_max_message_size(config, 100);
    evpl_init(config);
    CHECK_EQ(evpl_global_config_get_http_max_header_size(), 0);
    CHECK_EQ(evpl_config_rpc2_max_message_size(), 100);
}

static void
restored(void *unused)
{
    struct evpl_global_config *config = evpl_global_config_init();

    (void) unused;
    evpl_global_config_set_rpc2_max_message_size(config, 100);
    evpl_global_config_set_rpc2_max_message_size(config, 0);
    evpl_init(config);
    CHECK_EQ(evpl_config_rpc2_max_message_size(), 4194304);
}

int
main(void)
{
    CHECK_CHILD(defaults, NULL, 0, "");
    CHECK_CHILD(chosen, NULL, 0, "");
    CHECK_CHILD(restored, NULL, 0, "");
    return 0;
}
