/* apus/protocol.h — the vtable of provider group "protocol/1": makes requests of a connection's bytes.
 *
 * A provider's name is its ALPN identifier ("h2"). The host's own is "http/1.1". When the transport agreed on the name
 * of a provider, that provider is given the connection. All [conn]. */
#ifndef APUS_PROTOCOL_H
#define APUS_PROTOCOL_H
#include "../apus.h"

#define APUS_GROUP_PROTOCOL "protocol/1"

typedef struct apus_protocol_v1 {
    uint32_t size, flags;
    /** The connection is the provider's from now on. */
    apus_status (*open)(void *ctx, apus_conn *c, void **state);
    /** Plain bytes came. `n` 0: the peer has finished sending. @return APUS_OK, or an error: close */
    apus_status (*receive)(void *state, const void *bytes, size_t n);
    /** What was queued has been sent; more may be. */
    apus_status (*writable)(void *state);
    void (*close)(void *state);
} apus_protocol_v1;

#endif
