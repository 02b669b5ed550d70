/* apus/conn.h — one connection: "apus.conn/1". All [conn] unless said otherwise. */
#ifndef APUS_CONN_H
#define APUS_CONN_H
#include "../apus.h"

#define APUS_EXT_CONN "apus.conn/1"

/* Strings of a connection. */
#define APUS_C_PEER_ADDRESS 0u  /**< "192.0.2.7" or "2001:db8::7" */
#define APUS_C_LOCAL_ADDRESS 1u
#define APUS_C_TRANSPORT 2u     /**< "tcp", "tls", … */
#define APUS_C_PROTOCOL 3u      /**< what ALPN agreed on; empty: none */
#define APUS_C_LOG_ID 4u        /**< what its lines in the error log have in common; unset: there is none */

/* Numbers of a connection. */
#define APUS_C_PEER_PORT 0u
#define APUS_C_LOCAL_PORT 1u
#define APUS_C_IS_SECURE 2u     /**< 1: the transport encrypts */
#define APUS_C_REQUESTS 3u      /**< requests begun on it */
#define APUS_C_ID 4u            /**< unique among the connections of a worker */
#define APUS_C_IS_DRAINING 5u   /**< 1: the worker is to leave; what a connection carries should come to its end */

typedef struct apus_conn_v1 {
    uint32_t size, reserved;
    apus_str (*get)(const apus_conn *c, uint32_t field);
    int64_t (*number)(const apus_conn *c, uint32_t field);
    /** The server of the address, or the one `select_server` chose. */
    const apus_server *(*server)(const apus_conn *c);
    /** Makes the virtual host named `name` on this address the connection's server (SNI, RFC 6066 section 3).
     *  @return the server now in force; the default one of the address when no host bears the name (*matched 0) */
    const apus_server *(*select_server)(apus_conn *c, apus_str name, int32_t *matched);
    apus_pool *(*pool)(const apus_conn *c);
    void *(*slot)(const apus_conn *c, const apus_host *host);
    void (*set_slot)(apus_conn *c, const apus_host *host, void *value);
    /** The transport's state when `name` is the transport in use; else NULL. */
    void *(*transport)(const apus_conn *c, apus_str name);
    /** A name for the connection that may be kept beyond the callback. */
    apus_token (*token)(const apus_conn *c);
    /** Ends the connection once what is queued has been sent. */
    void (*close)(apus_conn *c);
    /** Reads raw bytes, for transports. @return APUS_OK (*n 0: end of stream), APUS_AGAIN or APUS_E_CLOSED */
    apus_status (*wire_read)(apus_conn *c, void *buffer, size_t capacity, size_t *n);
    /** Writes raw bytes, for transports. @return APUS_OK (all), APUS_AGAIN (*n of them) or APUS_E_CLOSED */
    apus_status (*wire_write)(apus_conn *c, const void *bytes, size_t length, size_t *n);
} apus_conn_v1;

#endif
