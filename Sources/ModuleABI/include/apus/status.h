/* apus/status.h — the vtable of provider group "status/1": what a module tells on the status page.
 *
 * The provider's name is the title of a part of the page, such as "TLSSessionCacheStatus". */
#ifndef APUS_STATUS_H
#define APUS_STATUS_H
#include "../apus.h"

#define APUS_GROUP_STATUS "status/1"

typedef struct apus_status_source_v1 {
    uint32_t size, flags; /**< flags: 0 */
    /** Tells what there is to tell in pairs of a name without blanks ("CacheStoreCount") and a value ("1204"), each valid
     *  during its call. Nothing: the part is left out. [conn] */
    void (*tell)(void *ctx, apus_req *r, void (*fact)(void *arg, apus_str name, apus_str value), void *arg);
} apus_status_source_v1;

#endif
