/* apus/providers.h — named implementations of a group: "apus.providers/1".
 *
 * A group carries the revision of its vtable: "transport/1", "authz/1", "socache/1", "log_item/1". */
#ifndef APUS_PROVIDERS_H
#define APUS_PROVIDERS_H
#include "../apus.h"

#define APUS_EXT_PROVIDERS "apus.providers/1"

typedef struct apus_providers_v1 {
    uint32_t size, reserved;
    /** Offers `vtable` (beginning with its size) under `name` in `group`. [main], from `attach` or a directive.
     *  @return APUS_OK, or APUS_E_EXISTS when another module has the name (both are named in the log) */
    apus_status (*provide)(const apus_host *host, const char *group, apus_str name, const void *vtable, void *ctx);
    /** Finds a provider. [main] after attach, [any] later. @return APUS_OK or APUS_E_NOT_FOUND */
    apus_status (*find)(const apus_host *host, const char *group, apus_str name, const void **vtable, void **ctx);
    /** Calls `fn` for each provider of a group, by name. [any] */
    void (*each)(const apus_host *host, const char *group,
                 void (*fn)(void *arg, apus_str name, apus_str module, const void *vtable, void *ctx), void *arg);
} apus_providers_v1;

#endif
