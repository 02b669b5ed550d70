/* apus/shared.h — memory and locks shared by the workers: "apus.shm/1", "apus.mutex/1". */
#ifndef APUS_SHARED_H
#define APUS_SHARED_H
#include "../apus.h"

#define APUS_EXT_SHM "apus.shm/1"
#define APUS_EXT_MUTEX "apus.mutex/1"

/** The last owner died with the lock held: it is yours, and what it guards may be half changed. */
#define APUS_RECOVERED 5

typedef struct apus_shm_v1 {
    uint32_t size, reserved;
    /** Makes a segment of zeroes that every worker of this generation shares. [main], from open_config, never with
     *  reason CHECK. @param name  unique in the module; for messages and hand-over */
    apus_status (*create)(const apus_host *host, const char *name, size_t bytes, apus_shm **out);
    /** Where it lies: the same address in every worker. [any] */
    void *(*base)(const apus_shm *shm);
    size_t (*length)(const apus_shm *shm);
    /** Like create, but the segment outlives the generation. When the generation before this one left a segment of that
     *  name and length, it is that very memory, which workers that are leaving may still use; otherwise zeroes. [main],
     *  from open_config, never with reason CHECK. @param inherited  may be NULL; 1: it holds what was there */
    apus_status (*create_lasting)(const apus_host *host, const char *name, size_t bytes, apus_shm **out,
                                  int32_t *inherited);
    /** The segment that the generation before this one made lasting under that name, whatever its length: to move out of.
     *  Call it before create_lasting. [main], from open_config @return APUS_OK or APUS_E_NOT_FOUND */
    apus_status (*previous)(const apus_host *host, const char *name, apus_shm **out);
} apus_shm_v1;

typedef struct apus_mutex_v1 {
    uint32_t size, reserved;
    /** Bytes a lock takes in shared memory. */
    size_t (*bytes)(void);
    /** Makes a robust lock in shared memory at `where`. [main] */
    apus_status (*init)(void *where, apus_mutex **out);
    /** Takes it; short critical sections only. [any] @return APUS_OK or APUS_RECOVERED */
    apus_status (*lock)(apus_mutex *mutex);
    apus_status (*try_lock)(apus_mutex *mutex); /**< APUS_AGAIN: held by another */
    void (*unlock)(apus_mutex *mutex);
} apus_mutex_v1;

#endif
