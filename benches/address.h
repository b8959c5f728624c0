// How a program names where an echo server is: PORT on loopback, uring:PORT for the same through io_uring, or
// @NAME for a Unix socket.
#ifndef ADDRESS_H
#define ADDRESS_H

#include <evpl/evpl.h>

#include <stdlib.h>
#include <string.h>

#define URING_PREFIX "uring:"

static inline int address_is_uring(const char *name)
{
    return strncmp(name, URING_PREFIX, strlen(URING_PREFIX)) == 0;
}

static inline enum evpl_protocol_id address_protocol(const char *name)
{
    if (name[0] == '@')
        return EVPL_STREAM_SOCKET_UNIX;
    return address_is_uring(name) ? EVPL_STREAM_IO_URING_TCP : EVPL_STREAM_SOCKET_TCP;
}

static inline struct evpl_endpoint *address_endpoint(const char *name)
{
    if (name[0] == '@')
        return evpl_endpoint_create(name, 0);
    return evpl_endpoint_create("127.0.0.1",
                                atoi(name + (address_is_uring(name) ? strlen(URING_PREFIX) : 0)));
}

#endif
