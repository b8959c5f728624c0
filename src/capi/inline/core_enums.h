/** State that several protocols share. */
enum evpl_framework_id {
    EVPL_FRAMEWORK_RDMACM   = 0,
    EVPL_FRAMEWORK_XLIO     = 1,
    EVPL_FRAMEWORK_IO_URING = 2,
    EVPL_FRAMEWORK_VFIO     = 3,
    EVPL_FRAMEWORK_TLS      = 4,
    EVPL_FRAMEWORK_TCP_RDMA = 5,
    EVPL_FRAMEWORK_LIBAIO   = 6,
    EVPL_FRAMEWORK_INPROC   = 7,
    EVPL_NUM_FRAMEWORK      = 8
};

/**
 * The kinds of bind. STREAM protocols carry bytes, DATAGRAM protocols carry messages. The name for
 * evpl_protocol_lookup is the constant without "EVPL_".
 */
enum evpl_protocol_id {
    EVPL_DATAGRAM_SOCKET_UDP  = 0,
    EVPL_DATAGRAM_RDMACM_RC   = 1,
    EVPL_DATAGRAM_RDMACM_UD   = 2,
    EVPL_STREAM_SOCKET_TCP    = 3,
    EVPL_STREAM_XLIO_TCP      = 4,
    EVPL_STREAM_IO_URING_TCP  = 5,
    EVPL_STREAM_RDMACM_RC     = 6,
    EVPL_STREAM_SOCKET_TLS    = 7,
    EVPL_DATAGRAM_TCP_RDMA    = 8,
    EVPL_STREAM_SOCKET_UNIX   = 9,
    EVPL_STREAM_INPROC        = 10,
    EVPL_DATAGRAM_INPROC      = 11,
    EVPL_NUM_PROTO            = 12
};

/** The ways to reach a block device. */
enum evpl_block_protocol_id {
    EVPL_BLOCK_PROTOCOL_IO_URING      = 0,
    EVPL_BLOCK_PROTOCOL_VFIO          = 1,
    EVPL_BLOCK_PROTOCOL_LIBAIO        = 2,
    EVPL_BLOCK_PROTOCOL_IO_URING_NVME = 3,
    EVPL_NUM_BLOCK_PROTOCOL           = 4
};
