/* apus/conn.h — one connection: "apus.conn/1". All [conn] unless said otherwise. */
#ifndef APUS_CONN_H
#define APUS_CONN_H
#include "../apus.h"

#define APUS_EXT_CONN "apus.conn/1"

/* Strings of a connection. Those of `get` and the numbers of `number` have nothing in common. */
#define APUS_C_PEER_ADDRESS 0u  /**< "192.0.2.7" or "2001:db8::7" */
#define APUS_C_LOCAL_ADDRESS 1u
#define APUS_C_TRANSPORT 2u     /**< "tcp", "tls", … */
#define APUS_C_PROTOCOL 3u      /**< what ALPN agreed on; empty: none */
#define APUS_C_LOG_ID 4u        /**< what its lines in the error log have in common; unset: there is none */

/* Numbers of a connection. */
#define APUS_C_PEER_PORT 0x100u
#define APUS_C_LOCAL_PORT 0x101u
#define APUS_C_IS_SECURE 0x102u /**< 1: the transport encrypts */
#define APUS_C_REQUESTS 0x103u  /**< requests begun on it */
#define APUS_C_ID 0x104u        /**< unique among the connections of a worker */
#define APUS_C_IS_DRAINING 0x105u /**< 1: the worker is to leave; what a connection carries should come to its end */

typedef struct apus_conn_v1 {
    uint32_t size, reserved;
    /** One of its strings, APUS_C_…; {NULL, 0}: unset. Lives as long as the connection. */
    apus_str (*get)(const apus_conn *c, uint32_t field);
    /** One of its numbers, APUS_C_…. */
    int64_t (*number)(const apus_conn *c, uint32_t field);
    /** The server of the address, or the one that the client named while TLS was agreed on. */
    const apus_server *(*server)(const apus_conn *c);
    /** Memory that lives as long as the connection. */
    apus_pool *(*pool)(const apus_conn *c);
    /** The calling module's own pointer on the connection; NULL at first. */
    void *(*slot)(const apus_conn *c, const apus_host *host);
    void (*set_slot)(apus_conn *c, const apus_host *host, void *value);
    /** A name for the connection that may be kept beyond the callback. */
    apus_token (*token)(const apus_conn *c);
    /** Ends the connection once what is queued has been sent. */
    void (*close)(apus_conn *c);
} apus_conn_v1;

#endif
