/* apus/providers.h — named implementations of a group: "apus.providers/1".
 *
 * A group carries the revision of its vtable: "authn/1", "authz/1", "socache/1", "log_item/1"; a module may have groups of its own.
 * A vtable begins with its size and flags and grows at its end. Who uses a provider asks with APUS_HAS for what was not in the
 * group from the start, and takes no notice of flags that it does not know: a provider that would be misunderstood then
 * belongs into another group. The same holds for `flags` of the vtables that the host uses. */
#ifndef APUS_PROVIDERS_H
#define APUS_PROVIDERS_H
#include "../apus.h"

#define APUS_EXT_PROVIDERS "apus.providers/1"

typedef struct apus_providers_v1 {
    uint32_t size, reserved;
    /** Offers `vtable` (beginning with its size) under `name` in `group`; it and `ctx` must live as long as the generation. [main],
     *  from `attach` or a directive.
     *  @return APUS_OK; APUS_E_EXISTS: another module has the name (both are named in the log); APUS_E_INVALID: the table is
     *          shorter than one of this header's groups ever was */
    apus_status (*provide)(const apus_host *host, const char *group, apus_str name, const void *vtable, void *ctx);
    /** Finds a provider. [main] after attach, [any] later. @return APUS_OK or APUS_E_NOT_FOUND */
    apus_status (*find)(const apus_host *host, const char *group, apus_str name, const void **vtable, void **ctx);
    /** Calls `fn` for each provider of a group, by name. [any] */
    void (*each)(const apus_host *host, const char *group,
                 void (*fn)(void *arg, apus_str name, apus_str module, const void *vtable, void *ctx), void *arg);
} apus_providers_v1;

#endif
