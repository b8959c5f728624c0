// matrix: none
// What is known of each protocol; those that are absent say 0 everywhere and have no name.
#include "../test.h"

static const struct {
    const char *name;
    int stream, local, inproc, always;
} table[EVPL_NUM_PROTO] = {
    [EVPL_DATAGRAM_SOCKET_UDP]  = { "DATAGRAM_SOCKET_UDP", 0, 0, 0, 1 },
    [EVPL_DATAGRAM_RDMACM_RC]   = { "DATAGRAM_RDMACM_RC", 0, 0, 0, 0 },
    [EVPL_DATAGRAM_RDMACM_UD]   = { "DATAGRAM_RDMACM_UD", 0, 0, 0, 0 },
    [EVPL_STREAM_SOCKET_TCP]    = { "STREAM_SOCKET_TCP", 1, 0, 0, 1 },
    [EVPL_STREAM_XLIO_TCP]      = { "STREAM_XLIO_TCP", 1, 0, 0, 0 },
    [EVPL_STREAM_IO_URING_TCP]  = { "STREAM_IO_URING_TCP", 1, 0, 0, 0 },
    [EVPL_STREAM_RDMACM_RC]     = { "STREAM_RDMACM_RC", 1, 0, 0, 0 },
    [EVPL_STREAM_SOCKET_TLS]    = { "STREAM_SOCKET_TLS", 1, 0, 0, 1 },
    [EVPL_DATAGRAM_TCP_RDMA]    = { "DATAGRAM_TCP_RDMA", 0, 0, 0, 1 },
    [EVPL_STREAM_SOCKET_UNIX]   = { "STREAM_SOCKET_UNIX", 1, 1, 0, 1 },
    [EVPL_STREAM_INPROC]        = { "STREAM_INPROC", 1, 0, 1, 1 },
    [EVPL_DATAGRAM_INPROC]      = { "DATAGRAM_INPROC", 0, 0, 1, 1 },
};

int
main(void)
{
    static const int outside[] = { -1, EVPL_NUM_PROTO, EVPL_NUM_PROTO + 1, 1000, 0x7fffffff };

    for (int i = 0; i < EVPL_NUM_PROTO; i++) {
        enum evpl_protocol_id id = (enum evpl_protocol_id) 77;
        int available            = evpl_protocol_available(i);

        CHECK(available == 0 || available == 1);
        CHECK(available || !table[i].always);
        CHECK_EQ(evpl_protocol_is_stream(i), available && table[i].stream);
        CHECK_EQ(evpl_protocol_is_local(i), available && table[i].local);
        CHECK_EQ(evpl_protocol_is_inproc(i), available && table[i].inproc);
        CHECK_EQ(evpl_protocol_lookup(&id, table[i].name), available ? 0 : -1);
        CHECK_EQ(id, available ? i : 77);
    }
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        enum evpl_protocol_id id = (enum evpl_protocol_id) outside[i];

        CHECK_EQ(evpl_protocol_available(id), 0);
        CHECK_EQ(evpl_protocol_is_stream(id), 0);
        CHECK_EQ(evpl_protocol_is_local(id), 0);
        CHECK_EQ(evpl_protocol_is_inproc(id), 0);
    }
    return 0;
}
