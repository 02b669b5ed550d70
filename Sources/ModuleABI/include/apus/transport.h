/* apus/transport.h — the vtable of provider group "transport/1": what stands between a socket and HTTP.
 *
 * When a connection is accepted the host asks the transports in order of their names; the first that does not decline
 * carries it. A transport does its input and output with apus_conn_v1.wire_read and wire_write. All [conn]. */
#ifndef APUS_TRANSPORT_H
#define APUS_TRANSPORT_H
#include "../apus.h"

#define APUS_GROUP_TRANSPORT "transport/1"

#define APUS_TRANSPORT_SECURE 0x01u /**< it encrypts: requests are https */

typedef struct apus_transport_v1 {
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
} apus_transport_v1;

#endif
