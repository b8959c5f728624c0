/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef EVPL_EXT_H
#define EVPL_EXT_H

/* Generated from src/capi/ext.rs by `make headers`; change it there. */

/** The name of a peer or of a listening point. */
struct evpl_endpoint;
/** Process-wide settings. */
struct evpl_global_config;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * How many TLS sessions clients of this process remember, at most. A connection to a server that is
 * remembered offers to resume, which saves the server its certificate and both sides time. Default 0:
 * none.
 */
void evpl_global_config_set_tls_client_sessions(struct evpl_global_config *config,
                                                unsigned int count);

/**
 * How many TLS sessions servers of this process remember, at most, for clients that offer to resume
 * one by its identifier. Default 0: none. Tickets, if there are any, are preferred.
 */
void evpl_global_config_set_tls_server_sessions(struct evpl_global_config *config,
                                                unsigned int count);

/**
 * How many session tickets servers of this process give to each client, at most 16. A ticket holds the
 * session, sealed with a key of this process that changes every few hours, so nothing is remembered
 * here. Default 2; 0: none.
 */
void evpl_global_config_set_tls_server_tickets(struct evpl_global_config *config,
                                               unsigned int count);

/**
 * Other than 0: TLS clients tell the server the host name that their endpoint was created with
 * (server_name, SNI). Of an IP address nothing is told. Default 0. A single endpoint is given a name
 * with evpl_endpoint_set_tls_name.
 */
void evpl_global_config_set_tls_send_name(struct evpl_global_config *config,
                                          int enabled);

/**
 * Other than 0: TLS clients accept only a certificate for the peer they asked for, which is the
 * endpoint's TLS name if it has one, else the host name or IP address it was created with. The
 * certificate must have it as a subject alternative name. Without tls_verify_peer nothing is
 * verified, names neither. Default 0.
 */
void evpl_global_config_set_tls_verify_name(struct evpl_global_config *config, int enabled);

/**
 * Whether TLS servers require a certificate of their clients that leads to tls_ca: 0 never, other
 * values always, whatever tls_verify_peer says, which then is about servers alone. Without this call
 * tls_verify_peer decides for both.
 */
void evpl_global_config_set_tls_require_client_cert(struct evpl_global_config *config,
                                                    int required);

/**
 * Other than 0: the secrets of each TLS connection are appended to the file that the environment
 * variable SSLKEYLOGFILE names, for programs that decode captured traffic. Default 0; the variable
 * alone does nothing.
 */
void evpl_global_config_set_tls_key_log(struct evpl_global_config *config, int enabled);

/**
 * Gives an endpoint the host name by which TLS clients know the peer: it is sent to the server, and
 * compared if names are verified, in place of the one the endpoint was created with. For connections
 * from here on; NULL takes it back. Any thread. Returns 0, or -1 with errno EINVAL for what is no host
 * name.
 */
int evpl_endpoint_set_tls_name(struct evpl_endpoint *endpoint,
                               const char *name);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* EVPL_EXT_H */
