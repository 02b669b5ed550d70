/* apus/draft/handover.h — what a generation leaves to those that come after it: "apus.handover/0.1".
 *
 * Values are kept in sealed memory files that the supervisor holds, never on disk. They end with the server. */
#ifndef APUS_DRAFT_HANDOVER_H
#define APUS_DRAFT_HANDOVER_H
#include "../../apus.h"

#define APUS_EXT_HANDOVER "apus.handover/0.1"

typedef struct apus_handover_v0 {
    uint32_t size, reserved;
    /** Leaves bytes under a name of the module's own, in place of what was there. [main], from open_config, never with
     *  reason CHECK; or [leader]. @param name  1 to 128 bytes without control characters  @param bytes  64 MiB at most; copied
     *  @return APUS_OK; APUS_E_INVALID; APUS_E_TOO_BIG; APUS_E_NOMEM; APUS_E_THREAD; APUS_E_UNSUPPORTED: nobody keeps it (-X) */
    apus_status (*put)(const apus_host *host, apus_str name, apus_str bytes);
    /** What a generation before this one left, copied into `pool`; it stays there for the next. What nobody gets or puts
     *  again is dropped when the generation is ready. [main], from open_config
     *  @return APUS_OK; APUS_E_NOT_FOUND; APUS_E_IO */
    apus_status (*get)(const apus_host *host, apus_str name, apus_pool *pool, apus_str *out);
    /** Drops a value. As `put`. */
    apus_status (*remove)(const apus_host *host, apus_str name);
} apus_handover_v0;

#endif
