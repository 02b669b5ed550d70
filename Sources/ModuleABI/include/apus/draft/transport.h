/* apus/draft/transport.h — what stands between a socket and HTTP: the vtable of provider group "transport/0.1", and
 * "apus.wire/0.1".
 *
 * When a connection is accepted the host asks the transports in order of their names; the first that does not decline
 * carries it. A transport does its input and output with the functions of "apus.wire/0.1". All [conn]. */
#ifndef APUS_DRAFT_TRANSPORT_H
#define APUS_DRAFT_TRANSPORT_H
#include "../../apus.h"

#define APUS_GROUP_TRANSPORT "transport/0.1"
#define APUS_EXT_WIRE "apus.wire/0.1"

#define APUS_TRANSPORT_SECURE 0x01u /**< it encrypts: requests are https */

typedef struct apus_transport_v0 {
    uint32_t size, flags;
    /** A new connection. @return APUS_OK with *state, APUS_DECLINED: not for this one, or an error: close it */
    apus_status (*open)(void *ctx, apus_conn *c, void **state);
    /** Goes on with the handshake. @return APUS_OK (over), APUS_AGAIN, APUS_SUSPENDED, or an error: close.
     *  APUS_DECLINED: the client spoke plain HTTP; the host answers 400 in clear and closes. */
    apus_status (*handshake)(void *state);
    /** Reads plain bytes. @return APUS_OK (*n 0: end), APUS_AGAIN, or an error */
    apus_status (*read)(void *state, void *buffer, size_t capacity, size_t *n);
    /** Takes plain bytes of `n_parts` parts; *n tells how many. What it took it keeps until sent.
     *  @return APUS_OK, APUS_AGAIN: call again (with what is left, or nothing) when writable, or an error */
    apus_status (*write)(void *state, const apus_str *parts, uint32_t n_parts, size_t *n);
    /** Says goodbye (TLS close_notify). @return APUS_OK, APUS_AGAIN or an error */
    apus_status (*shutdown)(void *state);
    /** The connection is closed; free the state. */
    void (*close)(void *state);
    /** The protocol agreed on by ALPN, or empty. */
    apus_str (*protocol)(void *state);
    /** As `write`, when these are the last plain bytes of the connection: the goodbye may leave in the same packet. `shutdown`
     *  and `close` follow nevertheless. NULL: `write` will do. */
    apus_status (*write_last)(void *state, const apus_str *parts, uint32_t n_parts, size_t *n);
} apus_transport_v0;

/** What transports need of the host. All [conn]. */
typedef struct apus_wire_v0 {
    uint32_t size, reserved;
    /** Reads raw bytes. @return APUS_OK (*n 0: end of stream), APUS_AGAIN or APUS_E_CLOSED */
    apus_status (*read)(apus_conn *c, void *buffer, size_t capacity, size_t *n);
    /** Writes raw bytes. @return APUS_OK (all), APUS_AGAIN (*n of them) or APUS_E_CLOSED */
    apus_status (*write)(apus_conn *c, const void *bytes, size_t length, size_t *n);
    /** Makes the virtual host named `name` on this address the connection's server (SNI, RFC 6066 section 3).
     *  @param matched  may be NULL; 0: no host bears the name
     *  @return the server now in force; the default one of the address when no host bears the name */
    const apus_server *(*select_server)(apus_conn *c, apus_str name, int32_t *matched);
    /** Suspends a handshake, from `handshake`. apus_tasks_v1.resume with APUS_OK calls it again.
     *  @return APUS_OK, or APUS_E_INVALID: there is no handshake */
    apus_status (*suspend)(apus_conn *c, void (*on_cancel)(void *ctx), void *ctx, apus_task *out);
    /** The transport's state when `name` is the transport in use; else NULL. */
    void *(*state)(const apus_conn *c, apus_str name);
} apus_wire_v0;

#endif
