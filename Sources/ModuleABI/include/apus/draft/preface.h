/* apus/draft/preface.h — the vtable of provider group "preface/0.1": what a connection begins with before TLS and HTTP, such as
 * the header of the PROXY protocol. All [conn]. */
#ifndef APUS_DRAFT_PREFACE_H
#define APUS_DRAFT_PREFACE_H
#include "../../apus.h"

#define APUS_GROUP_PREFACE "preface/0.1"
#define APUS_PREFACE_MAX 4096 /**< bytes; a connection whose preface is longer is closed */

typedef struct apus_preface_v0 {
    uint32_t size, flags;
    /** A connection was accepted. @return APUS_OK: it must begin with this preface; APUS_DECLINED: it has none */
    apus_status (*expects)(void *ctx, apus_conn *c);
    /** Looks at all that has come so far; called again when there is more.
     *  @param used  set to how many of the bytes are the preface, when it is whole
     *  @return APUS_OK: it is; APUS_AGAIN: more must come; or an error: close */
    apus_status (*read)(void *ctx, apus_conn *c, const void *bytes, size_t n, size_t *used);
} apus_preface_v0;

#endif
