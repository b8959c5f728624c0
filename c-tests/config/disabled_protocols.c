// matrix: none
// What the config switches off is not registered.
#include "../test.h"

int
main(void)
{
    struct evpl_global_config *config = evpl_global_config_init();
    enum evpl_protocol_id id          = (enum evpl_protocol_id) 77;

    evpl_global_config_set_io_uring_enabled(config, 0);
    evpl_global_config_set_rdmacm_enabled(config, 0);
    evpl_global_config_set_xlio_enabled(config, 0);
    evpl_init(config);
    CHECK_EQ(evpl_protocol_available(EVPL_STREAM_IO_URING_TCP), 0);
    CHECK_EQ(evpl_protocol_available(EVPL_STREAM_RDMACM_RC), 0);
    CHECK_EQ(evpl_protocol_available(EVPL_DATAGRAM_RDMACM_RC), 0);
    CHECK_EQ(evpl_protocol_available(EVPL_DATAGRAM_RDMACM_UD), 0);
    CHECK_EQ(evpl_protocol_available(EVPL_STREAM_XLIO_TCP), 0);
    CHECK_EQ(evpl_protocol_lookup(&id, "STREAM_IO_URING_TCP"), -1);
    CHECK_EQ(id, 77);
    CHECK_EQ(evpl_protocol_available(EVPL_STREAM_SOCKET_TCP), 1);
    return 0;
}
