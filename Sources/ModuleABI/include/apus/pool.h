/* apus/pool.h — memory that is freed at once: "apus.pool/1". All [owner]. */
#ifndef APUS_POOL_H
#define APUS_POOL_H
#include "../apus.h"

#define APUS_EXT_POOL "apus.pool/1"

typedef struct apus_pool_v1 {
    uint32_t size, reserved;
    /** `n` bytes aligned to 16, not cleared. @return NULL only when memory is gone */
    void *(*alloc)(apus_pool *pool, size_t n);
    /** The same, cleared. */
    void *(*zalloc)(apus_pool *pool, size_t n);
    /** A copy of `s` followed by a NUL byte, which is not counted. @return {NULL, 0} only when memory is gone */
    apus_str (*dup)(apus_pool *pool, apus_str s);
    /** Calls `fn(ctx)` when the pool is freed, last registered first, on the thread that frees it. `fn` may use the pool's memory,
     *  and get none of it. @return APUS_OK, APUS_E_NOMEM or APUS_E_INVALID */
    apus_status (*on_destroy)(apus_pool *pool, void (*fn)(void *ctx), void *ctx);
    /** A pool of the module's own, freed with `parent` at the latest; NULL parent: the module frees it. */
    apus_pool *(*create)(apus_pool *parent);
    /** Frees a pool that `create` made, before its parent is. */
    void (*destroy)(apus_pool *pool);
} apus_pool_v1;

#endif
