/* Memory and a robust lock that all workers share. */
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>

#include "abi_test.h"

typedef struct shared {
    int64_t count, recovered;
    _Alignas(64) char lock[];
} shared;

static const apus_host *self;
static shared *memory;
static apus_mutex *mutex;
static apus_shm *segment;
static int create_in_worker;

static apus_status open_config(void *ctx, uint32_t reason, uint64_t generation) {
    (void)ctx, (void)generation;
    if (reason == APUS_OPEN_CHECK) return APUS_OK;
    size_t bytes = sizeof(shared) + mx->bytes();
    if (sm->create(self, "counter", bytes, &segment) != APUS_OK) return APUS_E_FAIL;
    memory = sm->base(segment);
    if (sm->length(segment) < bytes || memory->count) return APUS_E_FAIL;
    return mx->init(memory->lock, &mutex);
}

static void child_init(void *ctx) {
    (void)ctx;
    apus_shm *late;
    create_in_worker = sm->create(self, "late", 100, &late);
}

static void *try_it(void *ctx) {
    *(apus_status *)ctx = mx->try_lock(mutex);
    if (*(apus_status *)ctx == APUS_OK) mx->unlock(mutex);
    return NULL;
}

static apus_status tried_elsewhere(void) {
    apus_status answer = 99;
    pthread_t id;
    if (pthread_create(&id, NULL, try_it, &answer) == 0) pthread_join(id, NULL);
    return answer;
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str path = rq->get(r, APUS_R_PATH);
    if (eq(path, "/count")) {
        apus_status status = mx->lock(mutex);
        if (status == APUS_RECOVERED) memory->recovered++;
        long long now = ++memory->count;
        mx->unlock(mutex);
        return answerf(r, "%d %lld %lld %d", status, now, (long long)memory->recovered,
                       (int)sv->process_number(self, APUS_P_WORKER));
    }
    if (eq(path, "/die")) {
        mx->lock(mutex);
        _exit(7);
    }
    if (eq(path, "/try")) {
        mx->lock(mutex);
        apus_status held = tried_elsewhere();
        mx->unlock(mutex);
        apus_status free_again = tried_elsewhere();
        return answerf(r, "%d %d", held, free_again);
    }
    if (eq(path, "/late")) return answerf(r, "%d", create_in_worker);
    return APUS_DECLINED;
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    on_any(host, "open_config", "i(xuU)", (apus_fn)open_config, NULL);
    on_any(host, "child_init", "v(x)", (apus_fn)child_init, NULL);
    return on(host, "handler", APUS_MIDDLE, handler, NULL);
}

static const char *const needed[] = {APUS_EXT_SHM, APUS_EXT_MUTEX, NULL};
static const apus_module description = {BASICS("abi_shared_module"), .requires_ids = needed,
                                        .attach = attach};
EXPORT(description)
