/* apus/authz.h — the vtable of provider group "authz/1": what `Require NAME …` asks. */
#ifndef APUS_AUTHZ_H
#define APUS_AUTHZ_H
#include "work.h"

#define APUS_GROUP_AUTHZ "authz/1"

#define APUS_AUTHZ_DENIED 0
#define APUS_AUTHZ_GRANTED 1
#define APUS_AUTHZ_NEUTRAL 2    /**< does not decide */
#define APUS_AUTHZ_NEEDS_USER 3 /**< denied as long as no user is known: ask who it is */
#define APUS_AUTHZ_LATER 4      /**< `defer` hands out work, after which `check` is asked again */

typedef struct apus_authz_v1 {
    uint32_t size, flags; /**< flags: 0 */
    /** Checks and compiles the words after the name. [main], or [conn] for .htaccess.
     *  @return APUS_OK with *parsed (any pointer), or what apus_config_v1.fail returned */
    apus_status (*parse)(void *ctx, const apus_cmd *cmd, apus_str arguments, void **parsed);
    /** Decides. [conn] @return APUS_AUTHZ_…, or a negative error: denied and logged */
    apus_status (*check)(void *ctx, apus_req *r, void *parsed);
    /** Hands out the work that `check` waits for, right after it answered APUS_AUTHZ_LATER. [conn] Its `finish` keeps what
     *  `run` found out for the next `check`. NULL: `check` never answers so.
     *  @return APUS_OK, or a negative error: denied and logged */
    apus_status (*defer)(void *ctx, apus_req *r, void *parsed, apus_work *work);
} apus_authz_v1;

#endif
