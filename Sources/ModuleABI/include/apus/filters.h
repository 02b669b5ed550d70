/* apus/filters.h — filters on request and response bodies: "apus.filters/1".
 *
 * Output is pushed: `process` gets a chain and passes what it makes of it on. Input is pulled: `fill` asks the next
 * filter and puts what it makes of that into the chain. */
#ifndef APUS_FILTERS_H
#define APUS_FILTERS_H
#include "../apus.h"

#define APUS_EXT_FILTERS "apus.filters/1"

#define APUS_OUTPUT 0u
#define APUS_INPUT 1u

/* Stages, from the handler to the wire. */
#define APUS_STAGE_CONTENT 10u   /**< makes or changes content: include, substitute */
#define APUS_STAGE_TRANSFORM 20u /**< changes the representation */
#define APUS_STAGE_ENCODE 30u    /**< content codings: deflate, brotli */
#define APUS_STAGE_FRAME 40u     /**< sees the final body: ranges, rate limits */
#define APUS_STAGE_TRANSPORT 50u /**< byte counts, dumps */

#define APUS_FILTER_PIECE 65536 /**< bytes of a body that come at once, about */

/** A registration. Set `size`. */
typedef struct apus_filter_reg {
    uint32_t size;
    uint32_t direction; /**< APUS_OUTPUT or APUS_INPUT */
    uint32_t stage;     /**< APUS_STAGE_… */
    uint32_t flags;     /**< 0 */
    const char *name; /**< as SetOutputFilter and friends name it: "DEFLATE"; compared without case */
    void *ctx;
    const char *const *after, *const *before; /**< filter names of the same stage, NULL terminated */
    /** The filter was put on a request. [req] May be NULL. @return APUS_OK, or APUS_DECLINED to be left out */
    apus_status (*begin)(void *ctx, apus_filter *f);
    /** Output: takes the chain, passes on what it makes of it. [req] Returns what `pass` returned. Bodies come in pieces
     *  of at most about APUS_FILTER_PIECE bytes, so a filter that works piece by piece needs bounded memory. One that
     *  must wait for something keeps what it has and returns APUS_SUSPENDED: nothing more comes until `resume`, which
     *  calls it with an empty chain first. So it is also called when a filter behind it that waited goes on; it returns
     *  APUS_SUSPENDED again if its own time has not come. One that has more to pass on when `pass` answered APUS_AGAIN calls
     *  `resume` and returns APUS_AGAIN: it is called with an empty chain when there is room. */
    apus_status (*process)(void *ctx, apus_filter *f, apus_chain *chain);
    /** Input: appends up to about `max` bytes to the chain. [req] Returns what `pull` returned. */
    apus_status (*fill)(void *ctx, apus_filter *f, size_t max, apus_chain *chain);
    /** The request ends. [req] May be NULL. */
    void (*end)(void *ctx, apus_filter *f);
    /** Output: the head of the answer is as its handler made it, and its body is about to come. [req] Once, from the
     *  handler towards the wire, before the first chain. May be NULL. A filter that has nothing to do here is best taken
     *  off now: without filters a file is sent by the shortest way, and in ranges.
     *  @return APUS_OK, or APUS_DECLINED to be taken off */
    apus_status (*prepare)(void *ctx, apus_filter *f);
} apus_filter_reg;

typedef struct apus_filters_v1 {
    uint32_t size, reserved;
    /** Registers a filter. [main], from `attach` or a directive that may only stand in a server.
     *  @return APUS_OK, APUS_E_EXISTS, or APUS_E_INVALID: a value is unknown or a callback is missing */
    apus_status (*add)(const apus_host *host, const apus_filter_reg *reg);
    /** Puts a registered filter on a request, at its stage; within a stage filters run in the order in which they were put
     *  there, as far as `after` and `before` say nothing else. [req], at the latest in insert_filter (output) or before the
     *  first read (input). @return APUS_OK, or APUS_E_NOT_FOUND */
    apus_status (*insert)(apus_req *r, uint32_t direction, apus_str name);
    /** Takes the filter off; what follows passes it by. [req] */
    void (*remove)(apus_filter *f);
    /** Hands a chain to the next output filter, which then owns its segments. [req]
     *  @return APUS_OK, APUS_AGAIN (taken; slow down) or an error */
    apus_status (*pass)(apus_filter *f, apus_chain *chain);
    /** Asks the next input filter for up to `max` bytes. [req] Returns as apus_body_v1.read */
    apus_status (*pull)(apus_filter *f, size_t max, apus_chain *chain);
    /** The request it is on. [req] */
    apus_req *(*request)(const apus_filter *f);
    /** The filter's own pointer on this request; NULL at first. [req] */
    void *(*state)(const apus_filter *f);
    void (*set_state)(apus_filter *f, void *state);
    /** Puts a registered output filter on the request of `f`: at its stage, but never before `f`. [req], from `prepare`
     *  or `process` of `f`. @return APUS_OK, or APUS_E_NOT_FOUND */
    apus_status (*insert_behind)(apus_filter *f, apus_str name);
    /** Goes on with an output filter that returned APUS_SUSPENDED, or has something to pass on by itself; of an
     *  input filter that answered APUS_AGAIN without asking the next one, whoever reads the body is told to ask again. [conn] */
    void (*resume)(apus_filter *f);
} apus_filters_v1;

#endif
