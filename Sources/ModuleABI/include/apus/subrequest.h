/* apus/subrequest.h — requests inside the server: "apus.subrequest/1". All [conn]. */
#ifndef APUS_SUBREQUEST_H
#define APUS_SUBREQUEST_H
#include "../apus.h"

#define APUS_EXT_SUBREQUEST "apus.subrequest/1"

typedef struct apus_subrequest_v1 {
    uint32_t size, reserved;
    /** What a request for `target` (absolute path, or relative to r's) would be: runs the phases up to fixups, not the
     *  handler. Ask its status, file type and content type through apus_request_v1.
     *  @return APUS_OK with *sub, freed with the request at the latest, or APUS_E_INVALID: the target is no path */
    apus_status (*lookup)(apus_req *r, apus_str target, apus_req **sub);
    /** Makes the looked-up request the answer to r: r takes over its file, configuration and headers. Not to be destroyed
     *  then. @return APUS_OK */
    apus_status (*adopt)(apus_req *r, apus_req *sub);
    /** Frees a looked-up request with all its strings. */
    void (*destroy)(apus_req *sub);
    /** Answers r with a request for `target` instead, from the start of the phases, of the same method and with the body
     *  that is left. Its environment holds that of r with REDIRECT_ before the names, and REDIRECT_STATUS, REDIRECT_URL
     *  and REDIRECT_QUERY_STRING. Return APUS_DONE from the hook afterwards.
     *  @return APUS_OK, APUS_E_INVALID: the target is no path, APUS_E_FAIL: too many redirects, which has been logged */
    apus_status (*internal_redirect)(apus_req *r, apus_str target);
    /** The request target with the path of r's replaced by `path`, escaped, with scheme, host and port when needed: for
     *  Location headers. In the request's pool. */
    apus_str (*absolute_url)(apus_req *r, apus_str path);
    /** As lookup, for a file beside that of r: `name` is a file name (not escaped, maybe of several parts) that follows
     *  the directory of r's file and of r's path. No module translates it. An
     *  absolute name is that of any file; it has no path then. @return as `lookup` */
    apus_status (*lookup_file)(apus_req *r, apus_str name, apus_req **sub);
    /** Runs the handler of a looked-up request. What it writes is sent as part of the body of the request it was looked
     *  up for: to its output filters, or to those behind `behind`. One at a time for a request.
     *  @param done  [conn] called once, perhaps before this returns, with APUS_OK or the status the handler answered;
     *               not when the request is cancelled first
     *  @return APUS_OK: `done` has been called or will be; or an error: it will not */
    apus_status (*run)(apus_req *sub, apus_filter *behind, void (*done)(void *ctx, apus_req *sub, apus_status status),
                       void *ctx);
} apus_subrequest_v1;

#endif
