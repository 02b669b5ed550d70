/* apus/log_item.h — the vtable of provider group "log_item/1": a letter of LogFormat.
 *
 * The provider's name is the letter: "x" for %{…}x. */
#ifndef APUS_LOG_ITEM_H
#define APUS_LOG_ITEM_H
#include "../apus.h"

#define APUS_GROUP_LOG_ITEM "log_item/1"

typedef struct apus_log_item_v1 {
    uint32_t size, flags; /**< flags: 0 */
    /** The value for a request, in the request's pool or longer-lived; {NULL, 0} is logged as "-". The logger escapes
     *  it. [conn] @param argument  what stands in the braces */
    apus_str (*value)(void *ctx, apus_req *r, apus_str argument);
} apus_log_item_v1;

#endif
