/* apus/authn.h — the vtable of provider group "authn/1": who knows passwords. AuthBasicProvider and AuthDigestProvider
 * name its providers.
 *
 * Whoever asks for a user, in check_user_id, learns what holds for a request from functions of authn_core_module (see
 * apus/functions.h); ptr NULL: not set.
 *   authn_core.auth_type  s(xR)  AuthType
 *   authn_core.auth_name  s(xR)  AuthName */
#ifndef APUS_AUTHN_H
#define APUS_AUTHN_H
#include "work.h"

#define APUS_GROUP_AUTHN "authn/1"

#define APUS_AUTHN_DENIED 0     /**< the user is known, the password is another */
#define APUS_AUTHN_GRANTED 1    /**< it is the user's password; for realm_hash: the user is known */
#define APUS_AUTHN_NOT_FOUND 2  /**< no such user here: the next provider is asked */
#define APUS_AUTHN_LATER 3      /**< `work` has been filled in: its `run` answers one of the others */

/* Algorithms of realm hashes. */
#define APUS_AUTHN_MD5 0u       /**< 32 hexadecimal digits */
#define APUS_AUTHN_SHA256 1u    /**< 64 hexadecimal digits */

typedef struct apus_authn_v1 {
    uint32_t size, flags; /**< flags: 0 */
    /** Whether it is the user's password. [conn] Work done for an unknown user costs what it costs for a known one.
     *  @return APUS_AUTHN_…, or a negative error, which has been logged */
    apus_status (*check_password)(void *ctx, apus_req *r, apus_str user, apus_str password, apus_work *work);
    /** The hash of "user:realm:password" in hexadecimal digits, in request memory. [conn] NULL: not offered.
     *  @param algorithm  APUS_AUTHN_MD5 or APUS_AUTHN_SHA256; of another one there is none
     *  @return as above; never APUS_AUTHN_LATER */
    apus_status (*realm_hash)(void *ctx, apus_req *r, apus_str user, apus_str realm, uint32_t algorithm, apus_str *hash);
} apus_authn_v1;

#endif
