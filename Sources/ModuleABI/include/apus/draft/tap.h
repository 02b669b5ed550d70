/* apus/draft/tap.h — the vtable of provider group "tap/0.1": somebody who is shown the bytes of a connection, decrypted if there
 * is a transport. All [conn]. */
#ifndef APUS_DRAFT_TAP_H
#define APUS_DRAFT_TAP_H
#include "../../apus.h"

#define APUS_GROUP_TAP "tap/0.1"

typedef struct apus_tap_v0 {
    uint32_t size, flags;
    /** A connection was accepted. @return APUS_OK: its bytes are shown, and files are sent as bytes; APUS_DECLINED */
    apus_status (*wants)(void *ctx, apus_conn *c);
    /** Bytes came from the client; `n` 0: it has finished sending. They are valid during the call. */
    void (*received)(void *ctx, apus_conn *c, const void *bytes, size_t n);
    /** Bytes were sent, or taken by the transport to be sent. They are valid during the call. */
    void (*sent)(void *ctx, apus_conn *c, const void *bytes, size_t n);
} apus_tap_v0;

#endif
