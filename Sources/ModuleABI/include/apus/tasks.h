/* apus/tasks.h — waiting without holding a thread: "apus.tasks/1".
 *
 * A hook that must wait takes a task with `suspend`, arranges that `resume` is called once, and returns
 * APUS_SUSPENDED. The request's memory stays until then. When the client goes away or the time is over, on_cancel runs
 * once and a later resume is answered APUS_E_STALE. Who cannot stop at once takes another task in on_cancel: the request's
 * memory then stays until that one is resumed, with whatever status, and nobody waits for an answer. A hook that cannot begin to
 * wait after all returns another answer: so the task is given back. */
#ifndef APUS_TASKS_H
#define APUS_TASKS_H
#include "../apus.h"

#define APUS_EXT_TASKS "apus.tasks/1"

/* What a descriptor is watched for, and what happened to it. */
#define APUS_FD_READ 1u
#define APUS_FD_WRITE 4u
#define APUS_FD_ERROR 8u

typedef struct apus_tasks_v1 {
    uint32_t size, reserved;
    /** Suspends the hook at hand; in an on_cancel, holds the request that is given up. [req]
     *  @param on_cancel  [conn] may be NULL; not called for a hold
     *  @return APUS_OK, or APUS_E_UNSUPPORTED: the hook is not registered MAY_SUSPEND, or runs for a sub-request */
    apus_status (*suspend)(apus_req *r, void (*on_cancel)(void *ctx), void *ctx, apus_task *out);
    /** Goes on as if the hook had returned `status`. [any] Exactly once; it may be before the hook returns. APUS_AGAIN: the
     *  hook is called again.
     *  @return APUS_OK or APUS_E_STALE */
    apus_status (*resume)(apus_task task, apus_status status);
    /** Runs `fn` on the blocking pool; its result resumes the task. [conn] `fn` runs [pool] and may touch only what
     *  `ctx` holds. Task 0: nobody waits for it; `fn` posts what it has to tell. @return APUS_OK: it will run */
    apus_status (*run_blocking)(apus_task task, apus_status (*fn)(void *ctx), void *ctx);
    /** Runs `fn` on the loop of a connection. [any] in a worker.
     *  @param token  0: on the worker's loop, for no connection; `fn` is called with NULL
     *  @return APUS_OK, or APUS_E_STALE when it is known at once that the connection has gone (on the loop's own thread); else
     *          `fn` is called with NULL when it has gone by its turn; APUS_E_THREAD: this is no worker */
    apus_status (*post)(apus_token token, void (*fn)(void *ctx, apus_conn *c), void *ctx);
    /** Calls `fn` once after `us` microseconds, on the loop. [conn] With a connection: not after it has gone.
     *  It does not end with a request: cancel it from on_cancel when `ctx` lies in the request's memory.
     *  @param c   NULL: a timer of the worker
     *  @param id  for cancel_timer; may be NULL; never 0 */
    apus_status (*timer)(apus_conn *c, uint64_t us, void (*fn)(void *ctx), void *ctx, uint64_t *id);
    /** Cancels a timer that has not run; others are ignored. [conn] */
    void (*cancel_timer)(uint64_t id);
    /** Calls `fn` each time the descriptor is ready, until `unwatch`, which must come before it is closed. [conn] APUS_FD_ERROR is
     *  told, asked for or not. @return APUS_OK, or APUS_E_INVALID: it cannot be watched, or is already */
    apus_status (*watch)(int32_t fd, uint32_t mask, void (*fn)(void *ctx, uint32_t events), void *ctx);
    /** Ends the watching; may be called from `fn`. [conn] */
    void (*unwatch)(int32_t fd);
    /** Lets a suspended request wait `us` microseconds from now, whatever its server's Timeout says. [conn] */
    void (*extend)(apus_req *r, uint64_t us);
} apus_tasks_v1;

#endif
