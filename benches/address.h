// How a program names where an echo server is: PORT on loopback, uring:PORT for the same through io_uring,
// rdma:PORT for DATAGRAM_TCP_RDMA, or @NAME for a Unix socket.
#ifndef ADDRESS_H
#define ADDRESS_H

#include <evpl/evpl.h>

#include <stdlib.h>
#include <string.h>

static inline enum evpl_protocol_id address_protocol(const char *name)
{
    if (name[0] == '@')
        return EVPL_STREAM_SOCKET_UNIX;
    if (strncmp(name, "uring:", 6) == 0)
        return EVPL_STREAM_IO_URING_TCP;
    return strncmp(name, "rdma:", 5) == 0 ? EVPL_DATAGRAM_TCP_RDMA : EVPL_STREAM_SOCKET_TCP;
}

static inline struct evpl_endpoint *address_endpoint(const char *name)
{
    const char *colon = strchr(name, ':');

    if (name[0] == '@')
        return evpl_endpoint_create(name, 0);
    return evpl_endpoint_create("127.0.0.1", atoi(colon != NULL ? colon + 1 : name));
}

#endif
