/* apus/draft/upstream.h — the vtable of provider group "upstream/0.1": security on connections to other servers.
 *
 * A module that speaks to other servers opens a socket and puts the provider "tls" on it. What is demanded of the other
 * server stands in the configuration of the server that the request is for (SSLProxyEngine and its kin). One thread at a
 * time may use a state. */
#ifndef APUS_DRAFT_UPSTREAM_H
#define APUS_DRAFT_UPSTREAM_H
#include "../../apus.h"

#define APUS_GROUP_UPSTREAM "upstream/0.1"

typedef struct apus_upstream_v0 {
    uint32_t size, flags;
    /** Begins on a connected, non-blocking socket, which stays the caller's. [any]
     *  @param host  the name or address of the other server as it was asked for; the peer must prove to be it
     *  @return APUS_OK with *state; APUS_DECLINED: the configuration does not turn it on; or an error */
    apus_status (*open)(void *ctx, const apus_server *server, apus_str host, int32_t fd, void **state);
    /** Goes on with the handshake. @return APUS_OK: agreed, and the peer is as demanded; APUS_AGAIN: call again when the
     *  socket is ready for *wants (APUS_FD_READ or APUS_FD_WRITE of apus/tasks.h); or an error */
    apus_status (*handshake)(void *state, uint32_t *wants);
    /** Reads plain bytes. @return APUS_OK (*n 0: the peer has ended), APUS_AGAIN as above, or an error */
    apus_status (*read)(void *state, void *buffer, size_t capacity, size_t *n, uint32_t *wants);
    /** Writes plain bytes; after APUS_AGAIN it must be called with the same ones. @return as `read` */
    apus_status (*write)(void *state, const void *bytes, size_t length, size_t *n, uint32_t *wants);
    /** Says goodbye. @return as `read` */
    apus_status (*shutdown)(void *state, uint32_t *wants);
    /** Frees the state. The socket stays open. */
    void (*close)(void *state);
    /** What went wrong, as a sentence; lives until the next call. */
    apus_str (*problem)(void *state);
    /** What was agreed on: "protocol", "cipher", "verified" ("SUCCESS", "NONE" …); empty: unknown. Lives as long as the
     *  state. */
    apus_str (*fact)(void *state, apus_str name);
} apus_upstream_v0;

#endif
