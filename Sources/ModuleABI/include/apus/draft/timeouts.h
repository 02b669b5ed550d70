/* apus/draft/timeouts.h — how long clients may take for the parts of an exchange: "apus.timeouts/0.1". */
#ifndef APUS_DRAFT_TIMEOUTS_H
#define APUS_DRAFT_TIMEOUTS_H
#include "../../apus.h"

#define APUS_EXT_TIMEOUTS "apus.timeouts/0.1"

/* The parts. Each begins when the client can begin with it. */
#define APUS_PHASE_HANDSHAKE 0u /**< of the transport: ends when it agrees */
#define APUS_PHASE_HEADER 1u    /**< the head of a request, from its first byte, or the begin of the connection */
#define APUS_PHASE_BODY 2u      /**< the body of a request, from when it is first waited for */
#define APUS_PHASE_RESPONSE 3u  /**< taking the answer: within each `initial_us`, rate × seconds must have been taken */

typedef struct apus_timeouts_v0 {
    uint32_t size, reserved;
    /** Limits a part of the exchanges with a server, besides its Timeout. A client that is too slow is answered 408 where
     *  it can be answered, and its connection closed. [main], from open_config.
     *  @param initial_us  microseconds; 0: no limit of this kind
     *  @param maximum_us  to which bytes that come can extend it; 0: any time. Not for APUS_PHASE_RESPONSE
     *  @param rate        bytes that earn the client a further second; 0: nothing does
     *  @return APUS_OK or APUS_E_INVALID */
    apus_status (*limit)(const apus_server *s, uint32_t phase, int64_t initial_us, int64_t maximum_us, int64_t rate);
} apus_timeouts_v0;

#endif
