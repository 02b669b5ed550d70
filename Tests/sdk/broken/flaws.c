/* A module with one flaw, which FLAW names: what `apus module check` must find. Without FLAW it has none. */
#include <apus/all.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NONE 0
#define OVERRUN 1           /* takes a string of the host for one that ends in NUL */
#define KEPT_WORD 2         /* keeps a word of a directive beyond the call */
#define MERGE_WRITES 3      /* merges into the outer configuration */
#define RESUMED_TWICE 4     /* resumes a task twice */
#define NEVER_RESUMED 5     /* forgets a task */
#define AFTER_CANCEL 6      /* uses a request that has gone */
#define THREAD_IN_ATTACH 7  /* starts a thread before workers are forked */
#define WRONG_THREAD 8      /* touches the loop from a thread of the pool */
#define LEAK 9              /* forgets memory of each request */
#define NO_MEMORY 10        /* takes it that memory is always there */
#define NULL_TABLE 11       /* takes what is optional for granted */
#define SILENT 12           /* refuses a word without saying why */
#define CHECK_MAKES 13      /* makes memory although it is only asked to check */
#define IGNORES_REFUSAL 14  /* takes it that it was registered */
#define POOL_OVERRUN 15     /* writes behind its memory */
#define NO_ANSWER 16        /* says that it answered */
#define LOSES_END 17        /* an output filter that keeps the end of the body */
#define DESCRIPTORS 18      /* leaves a descriptor open */
#define UNDECLARED 19       /* uses an extension that its descriptor does not name */
#define CRASH 20            /* believes that there is a query */
#define BEYOND 21           /* calls what an older host has not */
#define HANGS 22            /* never comes back from an odd request */
#define EXITS 23            /* ends the process, as if all were well */
#ifndef FLAW
#define FLAW NONE
#endif

#define TEXT(literal) ((apus_str){literal, sizeof(literal) - 1})

static const apus_host *host;
static const apus_pool_v1 *pools;
static const apus_config_v1 *config;
static const apus_request_v1 *request;
static const apus_body_v1 *body;
static const apus_tasks_v1 *tasks;
static const apus_filters_v1 *filters;
static const apus_shm_v1 *shm;
static const apus_log_v1 *logs;

struct settings {
    apus_str name;
};

static void *make(void *ctx, apus_pool *pool, const apus_scope *scope) { return pools->zalloc(pool, sizeof(struct settings)); }

static void *merge(void *ctx, apus_pool *pool, const void *base, const void *over) {
    const struct settings *inner = over;
#if FLAW == MERGE_WRITES
    struct settings *both = (struct settings *)base;
    both->name = inner->name;
#else
    struct settings *both = pools->zalloc(pool, sizeof *both);
    if (both) both->name = inner->name.ptr ? inner->name : ((const struct settings *)base)->name;
#endif
    return both;
}

static apus_status set_name(void *ctx, const apus_cmd *cmd, void *conf, const apus_str *argv, uint32_t argc) {
    struct settings *settings = conf;
#if FLAW == SILENT
    if (argv[0].len == 0) return APUS_E_INVALID;
#else
    if (argv[0].len == 0) return config->fail(cmd, TEXT("the name is empty"));
#endif
#if FLAW == KEPT_WORD
    settings->name = argv[0];
#else
    settings->name = pools->dup(config->pool(cmd), argv[0]);
#endif
    return APUS_OK;
}

static const apus_directive directives[] = {{
    .name = "FlawName", .min_args = 1, .max_args = 1, .where = APUS_IN_ANY, .override_class = APUS_OVERRIDE_FILEINFO,
    .flags = APUS_DIRECTIVE_DIR_CONF, .handle = set_name, .help = "a name",
}};

static int ours(apus_req *r) {
    apus_str handler = request->get(r, APUS_R_HANDLER);
    return handler.len == 4 && memcmp(handler.ptr, "flaw", 4) == 0;
}

/* ---- waiting */

struct wait {
    apus_task task;
    apus_req *r;
    uint64_t timer;
    int is_over;
};

static void expired(void *ctx) {
    struct wait *wait = ctx;
    if (wait->is_over) return;
    wait->is_over = 1;
#if FLAW != NEVER_RESUMED
    tasks->resume(wait->task, APUS_DECLINED);
#endif
#if FLAW == RESUMED_TWICE
    tasks->resume(wait->task, APUS_DECLINED);
#endif
}

static void gone(void *ctx) {
    struct wait *wait = ctx;
#if FLAW != AFTER_CANCEL
    wait->is_over = 1;
    tasks->cancel_timer(wait->timer);
#endif
}

static apus_status waits(void *ctx, apus_req *r) {
    struct wait *wait = pools->zalloc(request->pool(r), sizeof *wait);
    if (!wait) return APUS_E_NOMEM;
    wait->r = r;
    apus_status status = tasks->suspend(r, gone, wait, &wait->task);
    if (status != APUS_OK) return status;
    status = tasks->timer(NULL, 1000, expired, wait, &wait->timer);
    return status == APUS_OK ? APUS_SUSPENDED : status;
}

static apus_status blocks(void *ctx, apus_req *r) {
#if FLAW == WRONG_THREAD
    uint64_t id;
    tasks->timer(NULL, 1000, expired, NULL, &id);
    tasks->cancel_timer(id);
#endif
    return APUS_DECLINED;
}

/* ---- answers */

static apus_status handle(void *ctx, apus_req *r) {
    if (!ours(r)) return APUS_DECLINED;
    const struct settings *settings = request->dir_conf(r, host);
#if FLAW == OVERRUN
    if (strcmp(request->get(r, APUS_R_METHOD).ptr, "POST") == 0) return 405;
#endif
#if FLAW == LEAK
    if (!malloc(100)) return APUS_E_NOMEM;
#endif
#if FLAW == DESCRIPTORS
    if (dup(0) < 0) return APUS_E_FAIL;
#endif
#if FLAW == NO_MEMORY
    memset(pools->alloc(request->pool(r), 64), 0, 64);
#endif
#if FLAW == POOL_OVERRUN
    char *room = pools->alloc(request->pool(r), 20);
    if (room) memset(room, 0, 21);
#endif
#if FLAW == NULL_TABLE
    if (logs->enabled(host, APUS_LOG_DEBUG, r, NULL, NULL)) {}
#endif
#if FLAW == CRASH
    if (request->get(r, APUS_R_QUERY).ptr[0] == 'x') return 400;
#endif
#if FLAW == NO_ANSWER
    return APUS_OK;
#endif
#if FLAW == EXITS
    exit(0);
#endif
#if FLAW == HANGS
    if (request->number(r, APUS_R_HEADER_ONLY)) for (;;) pause();
#endif
    return body->reply(r, 200, TEXT("text/plain"), settings->name.ptr ? settings->name : TEXT("nobody"));
}

static apus_status pass(void *ctx, apus_filter *f, apus_chain *chain) {
#if FLAW == LOSES_END
    apus_chain *kept = body->chain(request->pool(filters->request(f)));
    if (!kept) return APUS_E_NOMEM;
    body->move(kept, chain, (size_t)body->length(chain));
    return filters->pass(f, kept);
#else
    return filters->pass(f, chain);
#endif
}

static apus_status open_config(void *ctx, uint32_t reason, uint64_t generation) {
    apus_shm *segment;
    if (reason == APUS_OPEN_CHECK && FLAW != CHECK_MAKES) return APUS_OK;
    return shm->create(host, "flaw", 4096, &segment);
}

static void *idle(void *arg) { return arg; }

static apus_status add(const apus_hooks_v1 *hooks, const char *hook, const char *signature, apus_fn fn, uint32_t flags) {
    const apus_hook_reg reg = {.size = sizeof reg, .position = APUS_MIDDLE, .hook = hook, .signature = signature, .fn = fn, .flags = flags};
    return hooks->add(host, &reg);
}

static apus_status attach(const apus_host *h, void **ctx) {
    host = h;
    pools = h->extension(h, APUS_EXT_POOL);
    config = h->extension(h, APUS_EXT_CONFIG);
    request = h->extension(h, APUS_EXT_REQUEST);
    body = h->extension(h, APUS_EXT_BODY);
    tasks = h->extension(h, APUS_EXT_TASKS);
    filters = h->extension(h, APUS_EXT_FILTERS);
    shm = h->extension(h, APUS_EXT_SHM);
    logs = h->extension(h, APUS_EXT_LOG);
#if FLAW == THREAD_IN_ATTACH
    pthread_t thread;
    pthread_create(&thread, NULL, (void *(*)(void *))(void *)pause, NULL);
#endif
    const apus_hooks_v1 *hooks = h->extension(h, APUS_EXT_HOOKS);
    apus_status status = add(hooks, "handler", "i(xR)", (apus_fn)handle, 0);
    if (status == APUS_OK) status = add(hooks, "fixups", "i(xR)", (apus_fn)waits, APUS_HOOK_MAY_SUSPEND);
    if (status == APUS_OK) status = add(hooks, "access_checker", "i(xR)", (apus_fn)blocks, APUS_HOOK_MAY_BLOCK);
    if (status == APUS_OK) status = add(hooks, "open_config", "i(xuU)", (apus_fn)open_config, 0);
    const apus_filter_reg filter = {.size = sizeof filter, .direction = APUS_OUTPUT, .stage = APUS_STAGE_CONTENT, .name = "FLAW", .process = pass};
    if (status == APUS_OK) status = filters->add(h, &filter);
#if FLAW == UNDECLARED
    const apus_server_v1 *server = h->extension(h, APUS_EXT_SERVER);
    server->process_number(h, APUS_P_WORKERS);
#endif
#if FLAW == BEYOND
    ((void (**)(void))(const void *)(hooks + 1))[0]();
#endif
#if FLAW == IGNORES_REFUSAL
    return APUS_OK;
#endif
    return status;
}

static const char *const needs[] = {
    APUS_EXT_POOL, APUS_EXT_CONFIG, APUS_EXT_REQUEST, APUS_EXT_BODY, APUS_EXT_HOOKS, APUS_EXT_TASKS, APUS_EXT_FILTERS, APUS_EXT_SHM, NULL,
};
static const char *const likes[] = {APUS_EXT_LOG, NULL};

static const apus_module module = {
    .size = sizeof module, .abi_major = APUS_ABI_MAJOR, .abi_minor_min = APUS_ABI_MINOR,
    .n_directives = 1, .directive_stride = sizeof directives[0], .directives = directives,
    .name = "flaw_module", .version = "1.0", .toolchain = "c", .requires_ids = needs, .optional_ids = likes,
    .dir_conf = &(const apus_conf_ops){.size = sizeof(apus_conf_ops), .create = make, .merge = merge},
    .attach = attach,
};

APUS_EXPORT const apus_module *apus_module_entry(const apus_host *h, const char *name) {
    (void)idle;
    return *name == '\0' || strcmp(name, module.name) == 0 ? &module : NULL;
}
