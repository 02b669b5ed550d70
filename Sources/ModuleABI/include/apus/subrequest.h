/* apus/subrequest.h — requests inside the server: "apus.subrequest/1". All [conn]. */
#ifndef APUS_SUBREQUEST_H
#define APUS_SUBREQUEST_H
#include "../apus.h"

#define APUS_EXT_SUBREQUEST "apus.subrequest/1"

typedef struct apus_subrequest_v1 {
    uint32_t size, reserved;
    /** What a request for `target` (absolute path, or relative to r's) would be: runs the phases up to fixups, not the
     *  handler. Ask its status, file type and content type through apus_request_v1.
     *  @return APUS_OK with *sub, freed with the request at the latest */
    apus_status (*lookup)(apus_req *r, apus_str target, apus_req **sub);
    /** Makes the looked-up request the answer to r: r takes over its file, configuration and headers. */
    apus_status (*adopt)(apus_req *r, apus_req *sub);
    void (*destroy)(apus_req *sub);
    /** Answers r with a request for `target` instead, from the start of the phases; the method becomes GET unless it
     *  is HEAD. Return APUS_DONE from the hook afterwards. */
    apus_status (*internal_redirect)(apus_req *r, apus_str target);
    /** The request target with the path of r's replaced by `path`, escaped, with scheme, host and port when needed: for
     *  Location headers. In the request's pool. */
    apus_str (*absolute_url)(apus_req *r, apus_str path);
} apus_subrequest_v1;

#endif
