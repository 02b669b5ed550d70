/* apus/shared.h — memory and locks shared by the workers: "apus.shm/1", "apus.mutex/1". */
#ifndef APUS_SHARED_H
#define APUS_SHARED_H
#include "../apus.h"

#define APUS_EXT_SHM "apus.shm/1"
#define APUS_EXT_MUTEX "apus.mutex/1"

typedef struct apus_shm_v1 {
    uint32_t size, reserved;
    /** Makes a segment of zeroes that every worker of this generation shares. [main], from open_config, never with
     *  reason CHECK. It is never freed before the generation ends. @param name  unique in the module
     *  @return APUS_OK, APUS_E_INVALID, APUS_E_NOMEM or APUS_E_THREAD */
    apus_status (*create)(const apus_host *host, const char *name, size_t bytes, apus_shm **out);
    /** Where it lies: the same address in every worker. [any] */
    void *(*base)(const apus_shm *shm);
    /** Its length in bytes. [any] */
    size_t (*length)(const apus_shm *shm);
    /** Like create, but the segment outlives the generation. When the generation before this one left a segment of that
     *  name and length, it is that very memory, which workers that are leaving may still use; otherwise zeroes. [main],
     *  from open_config, never with reason CHECK. @param inherited  may be NULL; 1: it holds what was there, 0: zeroes
     *  @return as `create` */
    apus_status (*create_lasting)(const apus_host *host, const char *name, size_t bytes, apus_shm **out,
                                  int32_t *inherited);
    /** The segment that the generation before this one made lasting under that name, whatever its length: to move out of.
     *  Call it before create_lasting. [main], from open_config @return APUS_OK or APUS_E_NOT_FOUND */
    apus_status (*previous)(const apus_host *host, const char *name, apus_shm **out);
} apus_shm_v1;

typedef struct apus_mutex_v1 {
    uint32_t size, reserved;
    /** Bytes a lock takes in shared memory, to be aligned to 16. [any] */
    size_t (*bytes)(void);
    /** Makes a robust lock in shared memory at `where`. [main] @return APUS_OK or APUS_E_INVALID */
    apus_status (*init)(void *where, apus_mutex **out);
    /** Takes it; short critical sections only. [any] Not twice by one thread.
     *  @return APUS_OK; APUS_RECOVERED: the last owner died with it, it is yours, and what it guards may be half changed;
     *          APUS_E_FAIL: `mutex` is no lock */
    apus_status (*lock)(apus_mutex *mutex);
    /** As `lock`, but does not wait. [any] @return as `lock`; APUS_AGAIN: held by another */
    apus_status (*try_lock)(apus_mutex *mutex);
    /** Gives it back. [any] By the thread that took it. */
    void (*unlock)(apus_mutex *mutex);
} apus_mutex_v1;

#endif
