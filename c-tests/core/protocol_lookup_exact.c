// matrix: none
// Names are matched whole and with case; a failed lookup leaves the id alone.
#include "../test.h"

int
main(void)
{
    static const char *const bad[] = {
        "", "stream_socket_tcp", "STREAM_SOCKET_TC", "STREAM_SOCKET_TCPX", " STREAM_SOCKET_TCP",
        "EVPL_STREAM_SOCKET_TCP", "TCP",
    };
    enum evpl_protocol_id id = (enum evpl_protocol_id) 77;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_EQ(evpl_protocol_lookup(&id, bad[i]), -1);
        CHECK_EQ(id, 77);
    }
    CHECK_EQ(evpl_protocol_lookup(&id, "STREAM_SOCKET_TCP"), 0);
    CHECK_EQ(id, EVPL_STREAM_SOCKET_TCP);
    return 0;
}
