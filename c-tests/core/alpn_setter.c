// matrix: none
// The ALPN list can be set, replaced and cleared; a list that cannot be encoded is only logged.
#include "../test.h"

void evpl_tls_set_alpn_protocols(const char *const *protocols, int count);

int
main(void)
{
    static char long_name[300], fits[256];
    const char *good[]     = { "h2", "http/1.1" };
    const char *empty[]    = { "h2", "" };
    const char *too_long[] = { long_name };
    const char *missing[]  = { NULL };
    const char *longest[]  = { fits };
    const char *over[]     = { fits, "x" };

    memset(long_name, 'a', sizeof(long_name) - 1);
    memset(fits, 'a', 255);
    test_log_capture();
    evpl_tls_set_alpn_protocols(good, 2);
    evpl_tls_set_alpn_protocols(NULL, 0);
    evpl_tls_set_alpn_protocols(longest, 1);
    CHECK_EQ(test_log_errors, 0);
    evpl_tls_set_alpn_protocols(empty, 2);
    evpl_tls_set_alpn_protocols(too_long, 1);
    evpl_tls_set_alpn_protocols(missing, 1);
    evpl_tls_set_alpn_protocols(over, 2);
    evpl_tls_set_alpn_protocols(good, -1);
    evpl_tls_set_alpn_protocols(NULL, 2);
    CHECK_EQ(test_log_errors, 6);
    test_init();
    evpl_tls_set_alpn_protocols(good, 2);
    CHECK_EQ(test_log_errors, 6);
    return 0;
}
