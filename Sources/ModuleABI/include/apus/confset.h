/* apus/confset.h — directory configuration that holds when a module says so: "apus.confset/1". For sections that extend a
 * provider, such as <AuthnProviderAlias>. */
#ifndef APUS_CONFSET_H
#define APUS_CONFSET_H
#include "../apus.h"

#define APUS_EXT_CONFSET "apus.confset/1"

typedef struct apus_confset apus_confset; /**< what the directives in a section set; lives as long as the configuration */

typedef struct apus_confset_v1 {
    uint32_t size, reserved;
    /** Handles the directives in the section at hand as those of a <Directory> that holds nowhere. [main]
     *  @return APUS_OK, or APUS_E_FAIL: errors have been shown at their lines */
    apus_status (*walk)(const apus_cmd *cmd, apus_confset **out);
    /** Calls `fn` while the set holds for the request, over its own configuration. [conn]
     *  @return what `fn` returned */
    apus_status (*call)(apus_req *r, const apus_confset *set, apus_status (*fn)(void *arg), void *arg);
} apus_confset_v1;

#endif
