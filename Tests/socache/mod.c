/* Drives a shared object cache from outside: one request, one or many operations.
 *
 *   AbiCache PROVIDER:ARGUMENT        the cache
 *
 *   /store/PREFIX/FROM/COUNT/BYTES/MS  keeps objects PREFIX+number, of so many bytes, for so long
 *   /check/PREFIX/FROM/COUNT/BYTES     looks for them: found, missing, wrong (content is checked byte by byte), failed
 *   /remove/PREFIX/FROM/COUNT
 *   /mix/PREFIX/FROM/COUNT/BYTES/MS    stores each and looks for it at once
 *   /bench/PREFIX/COUNT/BYTES          nanoseconds for a store and for a retrieve
 *   /status                            what the provider tells
 *   /who                               the worker and its process
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <time.h>
#include <unistd.h>

#include "abi_test.h"
#include "apus/socache.h"

static const apus_host *self;
static const apus_socache_v1 *cache_table;
static void *cache;

#define ID_MAX 4096

enum { STORE, CHECK, REMOVE, MIX };

/** Operations of one request, one after another, across the times that a retrieve is suspended. */
typedef struct run {
    apus_req *r; /* NULL: the client has gone */
    apus_task task;
    int kind, suspended, retrieving;
    char prefix[ID_MAX];
    long from, count, bytes, ms, next;
    long ok, missing, wrong, failed, too_big, waited;
    apus_pool *pool;
    unsigned char *data;
    char id[ID_MAX + 32];
    size_t id_length;
} run;

static void name_it(run *u, long number) {
    int n = snprintf(u->id, sizeof u->id, "%s%ld", u->prefix, number);
    u->id_length = (size_t)n;
}

/** The content that belongs to an id. */
static void content(const run *u) {
    uint64_t x = 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < u->id_length; i++) x = (x ^ (unsigned char)u->id[i]) * 0x100000001b3u;
    for (long i = 0; i < u->bytes; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        u->data[i] = (unsigned char)x;
    }
}

static int64_t now_us(void) { return sv->process_number(self, APUS_P_CLOCK_US); }

static apus_str id_of(const run *u) { return (apus_str){u->id, u->id_length}; }

static void count_found(run *u, apus_status status, apus_str data) {
    if (u->kind == STORE || u->kind == REMOVE) return;
    content(u);
    if (status == APUS_E_NOT_FOUND) u->missing++;
    else if (status != APUS_OK) u->failed++;
    else if (data.len == (size_t)u->bytes && !memcmp(data.ptr, u->data, data.len)) u->ok++;
    else u->wrong++;
}

static void count_kept(run *u, apus_status status) {
    if (status == APUS_E_TOO_BIG) u->too_big++;
    else if (status != APUS_OK) u->failed++;
    else if (u->kind != MIX) u->ok++;
}

static void go_on(run *u);

static void found(void *ctx, apus_status status, apus_str data) {
    run *u = ctx;
    count_found(u, status, data);
    u->next++;
    u->retrieving = 0;
    go_on(u);
}

/** Whether a retrieve follows to wait until what was ordered before is done: its outcome is of no interest. */
static int flushes(void) { return (cache_table->flags & APUS_SOCACHE_MAY_BLOCK) != 0; }

/** @return 0: suspended */
static int retrieve(run *u) {
    apus_str data = {NULL, 0};
    u->pool = po->create(NULL);
    apus_status status = cache_table->retrieve(cache, id_of(u), u->pool, &data, found, u);
    if (status == APUS_SUSPENDED) {
        u->waited++;
        po->destroy(u->pool);
        return 0;
    }
    count_found(u, status, data);
    po->destroy(u->pool);
    return 1;
}

static int step(run *u) {
    name_it(u, u->from + u->next);
    if (u->kind == REMOVE) {
        count_kept(u, cache_table->remove(cache, id_of(u)));
        return !flushes() || retrieve(u);
    }
    if (u->kind == STORE || u->kind == MIX) {
        content(u);
        count_kept(u, cache_table->store(cache, id_of(u), now_us() + u->ms * 1000,
                                         (apus_str){(char *)u->data, (size_t)u->bytes}));
    }
    return (u->kind == STORE && !flushes()) || retrieve(u);
}

static apus_status finish(run *u) {
    apus_status status =
        u->r ? answerf(u->r, "ok %ld missing %ld wrong %ld failed %ld big %ld waited %ld", u->ok, u->missing,
                       u->wrong, u->failed, u->too_big, u->waited)
             : APUS_OK;
    free(u->data);
    free(u);
    return status;
}

static void go_on(run *u) {
    while (u->next < u->count) {
        if (!step(u)) return;
        u->next++;
    }
    apus_task task = u->task;
    int suspended = u->suspended;
    if (suspended) tk->resume(task, finish(u));
}

static void gone(void *ctx) { ((run *)ctx)->r = NULL; }

static apus_status start(apus_req *r, int kind, char **words) {
    run *u = calloc(1, sizeof *u);
    u->r = r;
    u->kind = kind;
    snprintf(u->prefix, sizeof u->prefix, "%s", words[0]);
    u->from = atol(words[1]), u->count = atol(words[2]), u->bytes = atol(words[3]), u->ms = atol(words[4]);
    u->data = malloc((size_t)u->bytes + 1);
    go_on(u);
    if (u->next >= u->count) return finish(u);
    u->suspended = 1;
    if (tk->suspend(r, gone, u, &u->task) != APUS_OK) abort();
    return APUS_SUSPENDED;
}

/** Of this thread's work: what others do meanwhile does not count. */
static int64_t ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static apus_status bench(apus_req *r, char **words) {
    run *u = calloc(1, sizeof *u);
    snprintf(u->prefix, sizeof u->prefix, "%s", words[0]);
    long count = atol(words[1]);
    u->bytes = atol(words[2]);
    u->data = malloc((size_t)u->bytes + 1);
    int64_t times[3];
    times[0] = ns();
    for (long i = 0; i < count; i++) {
        name_it(u, i);
        cache_table->store(cache, id_of(u), now_us() + 3600000000, (apus_str){(char *)u->data, (size_t)u->bytes});
    }
    times[1] = ns();
    apus_pool *pool = po->create(NULL);
    for (long i = 0; i < count; i++) {
        apus_str data;
        name_it(u, i);
        if (cache_table->retrieve(cache, id_of(u), pool, &data, found, u) == APUS_OK) u->ok++;
        if (i % 256 == 255) po->destroy(pool), pool = po->create(NULL);
    }
    times[2] = ns();
    po->destroy(pool);
    apus_status status = answerf(r, "store %" PRId64 " retrieve %" PRId64 " found %ld", (times[1] - times[0]) / count,
                                 (times[2] - times[1]) / count, u->ok);
    free(u->data);
    free(u);
    return status;
}

static void fact(void *arg, apus_str name, apus_str value) {
    say(arg, "%.*s: %.*s\n", F(name), F(value));
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    char *rest = (char *)copy(r, rq->get(r, APUS_R_PATH)), *words[8] = {0}, none[] = "0";
    int n = 0;
    for (char *word; n < 8 && (word = strsep(&rest, "/"));)
        if (*word) words[n++] = word;
    for (int i = n; i < 8; i++) words[i] = none;
    if (!strcmp(words[0], "store")) return start(r, STORE, words + 1);
    if (!strcmp(words[0], "check")) return start(r, CHECK, words + 1);
    if (!strcmp(words[0], "remove")) return start(r, REMOVE, words + 1);
    if (!strcmp(words[0], "mix")) return start(r, MIX, words + 1);
    if (!strcmp(words[0], "bench")) return bench(r, words + 1);
    if (!strcmp(words[0], "who"))
        return answerf(r, "%d %d", (int)sv->process_number(self, APUS_P_WORKER), (int)getpid());
    if (!strcmp(words[0], "flags")) return answerf(r, "%u", cache_table->flags);
    if (strcmp(words[0], "status")) return APUS_DECLINED;
    out o = {0, ""};
    cache_table->status(cache, fact, &o);
    return answer(r, &o);
}

static apus_status set_cache(void *ctx, const apus_cmd *cmd, void *conf, const apus_str *argv, uint32_t argc) {
    (void)ctx, (void)conf, (void)argc;
    const char *colon = memchr(argv[0].ptr, ':', argv[0].len);
    size_t length = colon ? (size_t)(colon - argv[0].ptr) : argv[0].len;
    const void *table;
    void *provider;
    if (pv->find(self, APUS_GROUP_SOCACHE, (apus_str){argv[0].ptr, length}, &table, &provider) != APUS_OK)
        return cf->fail(cmd, S("there is no such kind of cache"));
    cache_table = table;
    apus_str argument = colon ? (apus_str){colon + 1, argv[0].len - length - 1} : (apus_str){NULL, 0};
    return cache_table->make(provider, cmd, argument, &cache);
}

static apus_status open_config(void *ctx, uint32_t reason, uint64_t generation) {
    (void)ctx, (void)generation;
    if (!cache) return APUS_OK;
    const apus_socache_hints hints = {.size = sizeof hints, .id_length = 32, .data_length = 200};
    return cache_table->open(cache, S("abi-test"), &hints, reason);
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    on_any(host, "open_config", "i(xuU)", (apus_fn)open_config, NULL);
    return on_flags(host, "handler", APUS_MIDDLE, APUS_HOOK_MAY_SUSPEND, handler, NULL);
}

static const apus_directive rows[] = {
    {.name = "AbiCache", .min_args = 1, .max_args = 1, .where = APUS_IN_GLOBAL, .handle = set_cache, .help = "a cache"},
};

static const apus_module module = {BASICS("abi_socache_module"), ROWS(rows), .attach = attach};
EXPORT(module)
