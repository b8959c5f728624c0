/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef EVPL_ENDPOINT_H
#define EVPL_ENDPOINT_H

/* Generated from src/capi/endpoint.rs by `make headers`; change it there. */

/** The name of a peer or of a listening point. */
struct evpl_endpoint;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Names a peer or a listening point. An `address` that starts with '/' or '@' is a local one, as
 * for evpl_endpoint_create_local; one that starts with "inproc://" is in-process, with the rest as
 * name; anything else is a host name or IP address of at most 255 bytes, with `port`, that is
 * resolved when it is used. Any thread; initialises the library if needed. Returns NULL for an
 * unusable address. evpl_endpoint_close frees it.
 */
struct evpl_endpoint *evpl_endpoint_create(const char *address, int port);

/**
 * Names a local socket: "/path" of at most 107 bytes, or "@name" of at most 108 for a name without
 * a file. Any thread; initialises the library if needed. Returns NULL for anything else.
 */
struct evpl_endpoint *evpl_endpoint_create_local(const char *path);

/**
 * Names a point inside this process. `name` has 1 to 107 bytes of any kind. Any thread;
 * initialises the library if needed. Returns NULL for anything else.
 */
struct evpl_endpoint *evpl_endpoint_create_inproc(const char *name);

/**
 * Frees an endpoint, which nobody may be using at the moment. Binds, listeners and messages that
 * were made with it are not affected. Endpoints still open at exit are closed then.
 */
void evpl_endpoint_close(struct evpl_endpoint *endpoint);

/**
 * 1 if the endpoint is a local socket, else 0. Any thread.
 */
int evpl_endpoint_is_local(const struct evpl_endpoint *endpoint);

/**
 * 1 if the endpoint is in-process, else 0. Any thread.
 */
int evpl_endpoint_is_inproc(const struct evpl_endpoint *endpoint);

/**
 * The host, path, "@name" or "inproc://name", valid until the endpoint is closed. Any thread.
 */
const char *evpl_endpoint_address(const struct evpl_endpoint *endpoint);

/**
 * The port; 0 unless the endpoint is a host. Any thread.
 */
int evpl_endpoint_port(const struct evpl_endpoint *endpoint);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* EVPL_ENDPOINT_H */
