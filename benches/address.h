// What the programs that meet in two processes take for a place: PORT, @NAME or rdma:PORT.
#ifndef ADDRESS_H
#define ADDRESS_H

#include <evpl/evpl.h>

#include "bench.h"

static inline struct evpl_endpoint *endpoint_of(const char *place, enum evpl_protocol_id *protocol)
{
    if (place[0] == '@') {
        *protocol = EVPL_STREAM_SOCKET_UNIX;
        return evpl_endpoint_create(place, 0);
    }
    *protocol = strncmp(place, "rdma:", 5) == 0 ? EVPL_DATAGRAM_TCP_RDMA : EVPL_STREAM_SOCKET_TCP;
    return evpl_endpoint_create("127.0.0.1", atoi(place + (*protocol == EVPL_DATAGRAM_TCP_RDMA ? 5 : 0)));
}

#endif
