/* apus/socache.h — the vtable of provider group "socache/1": small objects, found by an id, that outlive a connection.
 *
 * TLS sessions, stapled answers and results of authentication are kept in caches that a directive names as
 * PROVIDER[:ARGUMENT]. Who uses one does not know which it is:
 *
 *   1. A directive's handler finds the provider by the word before the colon and calls `make` with the rest.
 *   2. The user's open_config hook calls `open` with its own reason.
 *   3. In a worker, `store`, `retrieve` and `remove` at any time, and `status`.
 *
 * What is stored may be gone at any time: a cache evicts. What is found is what was stored under that id, whole, and not
 * expired. A cache keeps its content from other users of the same server; whoever can read its file, its memory or its
 * backend can read what is in it. */
#ifndef APUS_SOCACHE_H
#define APUS_SOCACHE_H
#include "../apus.h"

#define APUS_GROUP_SOCACHE "socache/1"

/* Flags of a provider. */
#define APUS_SOCACHE_SHARED 0x01u    /**< all workers, and the generation after a reload, see the same content */
#define APUS_SOCACHE_MAY_BLOCK 0x02u /**< an answer may take a while: `retrieve` may return APUS_SUSPENDED */
#define APUS_SOCACHE_SURVIVES_RESTART 0x04u /**< content outlives the server's end */
#define APUS_SOCACHE_ANY_THREAD 0x08u /**< store, retrieve, remove and status may also be called on pool threads */

/** What its user knows about the objects. Set `size`; zero means unknown. */
typedef struct apus_socache_hints {
    uint32_t size;
    uint32_t id_length;   /**< bytes of a usual id */
    uint32_t data_length; /**< bytes of usual data */
    uint32_t reserved;
    int64_t lifetime_us;  /**< how long an object is usually kept */
} apus_socache_hints;

/** How a `retrieve` ended that was suspended: once, on the loop that asked, within the provider's timeout.
 *  @param status  APUS_OK, APUS_E_NOT_FOUND, or another error, which means "not found" and has been logged
 *  @param data    valid during the call */
typedef void (*apus_socache_done_fn)(void *ctx, apus_status status, apus_str data);

typedef struct apus_socache_v1 {
    uint32_t size, flags; /**< flags: APUS_SOCACHE_… */
    /** Checks the argument after the provider's name and makes a cache that nothing backs yet. [main], from the handler of
     *  a directive. @param argument  what follows the colon; empty: none was given
     *  @return APUS_OK with *cache, or what apus_config_v1.fail returned */
    apus_status (*make)(void *ctx, const apus_cmd *cmd, apus_str argument, void **cache);
    /** Makes or opens what backs it. [main], from open_config. With reason CHECK it looks only whether that could be.
     *  @param name   what the content is called among the caches of the server, such as "ssl-session": caches of one name
     *                 and argument continue each other after a reload
     *  @param hints  may be NULL
     *  @return APUS_OK, or an error that was reported at the directive's place */
    apus_status (*open)(void *cache, apus_str name, const apus_socache_hints *hints, uint32_t reason);
    /** Keeps `data` under `id` until `expires_us` (microseconds since 1970), in place of what was there. Both are copied.
     *  [conn], or on a worker's loop. Never waits: a provider that MAY_BLOCK goes on by itself, and logs what fails.
     *  @return APUS_OK; APUS_E_TOO_BIG: it can never fit; or another error, which has been logged */
    apus_status (*store)(void *cache, apus_str id, int64_t expires_us, apus_str data);
    /** Finds what was stored. [conn], or on a worker's loop.
     *  @param data  found: a copy in `pool`
     *  @return APUS_OK; APUS_E_NOT_FOUND; APUS_SUSPENDED: `done` will be called, even when whoever asked has gone, so what
     *          `ctx` names must live until then; or another error, which has been logged */
    apus_status (*retrieve)(void *cache, apus_str id, apus_pool *pool, apus_str *data, apus_socache_done_fn done,
                            void *done_ctx);
    /** Forgets an object; APUS_OK also when there was none. As `store`. */
    apus_status (*remove)(void *cache, apus_str id);
    /** Tells about the cache in pairs of a name ("stores") and a value ("1204"), each valid during its call. [conn], or on a
     *  worker's loop. */
    void (*status)(void *cache, void (*fact)(void *arg, apus_str name, apus_str value), void *arg);
    /** Lets go of a cache that was made and is not wanted: its directive was overridden. [main] Not after `open`. */
    void (*close)(void *cache);
} apus_socache_v1;

#endif
