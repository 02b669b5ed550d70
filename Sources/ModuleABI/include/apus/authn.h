/* apus/authn.h — the vtable of provider group "authn/1": who knows passwords. AuthBasicProvider and AuthDigestProvider
 * name its providers. */
#ifndef APUS_AUTHN_H
#define APUS_AUTHN_H
#include "work.h"

#define APUS_GROUP_AUTHN "authn/1"

#define APUS_AUTHN_DENIED 0     /**< the user is known, the password is another */
#define APUS_AUTHN_GRANTED 1    /**< it is the user's password; for realm_hash: the user is known */
#define APUS_AUTHN_NOT_FOUND 2  /**< no such user here: the next provider is asked */
#define APUS_AUTHN_LATER 3      /**< `work` has been filled in: its `run` answers one of the others */

/* How long a realm hash is says of which algorithm it is. */
#define APUS_AUTHN_MD5 32u      /**< hexadecimal digits of MD5 */
#define APUS_AUTHN_SHA256 64u   /**< hexadecimal digits of SHA-256 */

typedef struct apus_authn_v1 {
    uint32_t size, flags;
    /** Whether it is the user's password. [conn] A negative answer is an error that has been logged. Work done for an
     *  unknown user costs what it costs for a known one. */
    apus_status (*check_password)(void *ctx, apus_req *r, apus_str user, apus_str password, apus_work *work);
    /** The hash of "user:realm:password" in hexadecimal digits, in request memory. [conn] NULL: not offered.
     *  @param length  APUS_AUTHN_MD5 or APUS_AUTHN_SHA256 @return as above; never APUS_AUTHN_LATER */
    apus_status (*realm_hash)(void *ctx, apus_req *r, apus_str user, apus_str realm, uint32_t length, apus_str *hash);
} apus_authn_v1;

#endif
