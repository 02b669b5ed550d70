/* apus/work.h — the slow part of a decision, handed to whoever asked for it.
 *
 * A provider that is asked on the loop answers what it knows at once. What would hold the loop (a costly hash, a look-up
 * in the network) it hands out as work; the hook that asked suspends its request, has `run` called on the blocking pool
 * (apus_tasks_v1.run_blocking), and goes on with its answer. */
#ifndef APUS_WORK_H
#define APUS_WORK_H
#include "../apus.h"

/** Whoever asks sets `size` and leaves the rest zero; whoever is asked fills it. */
typedef struct apus_work {
    uint32_t size, reserved;
    /** Does it, once. [any] Touches nothing but what `state` holds. @return the provider's answer */
    apus_status (*run)(void *state);
    /** Takes note of the answer, so that the next question is quick. [conn] May be NULL. Not called when the request has
     *  gone meanwhile. */
    void (*finish)(void *state, apus_req *r, apus_status answer);
    /** Frees the state: exactly once, after all else, whether or not it was run. [any] */
    void (*release)(void *state);
    void *state;
} apus_work;

#endif
