/* apus/draft/session.h — sessions, which the session module keeps with modules that store and encode them.
 *
 * The session of a request is text: name=value&name=value, percent-encoded. Functions of the session module, see
 * apus/functions.h:
 *   session.get  s(xRs)   the value of a name in the request's session; ptr NULL: there is none, or no session here
 *   session.set  i(xRss)  sets a value, or with ptr NULL removes it; it is stored when the answer begins
 * All [conn]. */
#ifndef APUS_DRAFT_SESSION_H
#define APUS_DRAFT_SESSION_H
#include "../../apus.h"

/** Where sessions are stored; the providers are asked in order of their names until one does not decline. */
#define APUS_GROUP_SESSION_STORE "session_store/0.1"
/** What is done to the text before it is stored: in order of the names, and backwards when it is loaded. */
#define APUS_GROUP_SESSION_CODEC "session_codec/0.1"

typedef struct apus_session_store_v0 {
    uint32_t size, flags;
    /** What is stored of the request's session, in its memory; ptr NULL: nothing yet.
     *  @return APUS_OK, APUS_DECLINED: sessions are not stored here, or an error */
    apus_status (*load)(void *ctx, apus_req *r, apus_str *out);
    /** Stores it; the empty string removes it. Header fields that carry it are to be set in APUS_HEADERS_ERR.
     *  @param max_age  seconds until it expires; 0: never
     *  @return as `load` */
    apus_status (*save)(void *ctx, apus_req *r, apus_str text, int64_t max_age);
} apus_session_store_v0;

typedef struct apus_session_codec_v0 {
    uint32_t size, flags;
    /** Makes of `in` what is stored, in the request's memory. @return APUS_OK, APUS_DECLINED: not here, or an error */
    apus_status (*encode)(void *ctx, apus_req *r, apus_str in, apus_str *out);
    /** The other way. An error: it is no session, and a new one begins. */
    apus_status (*decode)(void *ctx, apus_req *r, apus_str in, apus_str *out);
} apus_session_codec_v0;

#endif
