// matrix: none
// A NULL string clears a TLS setting, and settings may be replaced.
#include "../test.h"

int
main(void)
{
    struct evpl_global_config *config = evpl_global_config_init();
    char path[16]                     = "/a/b";

    evpl_global_config_set_tls_cert(config, NULL);
    evpl_global_config_set_tls_key(config, NULL);
    evpl_global_config_set_tls_ca(config, NULL);
    evpl_global_config_set_tls_cipher_list(config, NULL);
    evpl_global_config_set_tls_ca(config, path);
    memset(path, 'x', 4);
    evpl_global_config_set_tls_ca(config, "/c");
    evpl_global_config_set_tls_ca(config, NULL);
    evpl_global_config_set_tls_cert(config, "/d");
    evpl_global_config_set_tls_cert(config, NULL);
    evpl_init(config);
    evpl_destroy(test_evpl());
    return 0;
}
