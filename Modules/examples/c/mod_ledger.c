/* mod_ledger: counts requests over all workers, and keeps a log of its own.
 *
 *   Ledger logs/ledger          a line for each request: METHOD PATH STATUS number number-on-its-connection
 *   SetHandler ledger           answers what has been counted
 *
 * It shows a log handler and a log target, notes of requests, slots of connections, memory that workers share, work that one
 * worker does for all, a hook that other modules may join ("ledger.entry"), and a function they may call ("ledger.count").
 */
#include <apus/all.h>
#include <stdio.h>
#include <string.h>

static const apus_host *host;
static const apus_pool_v1 *pools;
static const apus_config_v1 *config;
static const apus_hooks_v1 *hooks;
static const apus_request_v1 *request;
static const apus_headers_v1 *headers;
static const apus_conn_v1 *connection;
static const apus_server_v1 *server;
static const apus_log_v1 *logs;
static const apus_body_v1 *body;
static const apus_tasks_v1 *tasks;
static const apus_shm_v1 *shm;
static const apus_leader_v1 *leader;

#define TEXT(literal) ((apus_str){literal, sizeof(literal) - 1})
#define TICK_US 200000

/* ---- configuration of a server */

struct ledger {
    apus_str target, file;
    uint32_t line;
    apus_log_sink *sink;
};

static void *make(void *ctx, apus_pool *pool, const apus_scope *scope) { return pools->zalloc(pool, sizeof(struct ledger)); }

static void *merge(void *ctx, apus_pool *pool, const void *base, const void *over) {
    const struct ledger *own = over;
    struct ledger *both = pools->alloc(pool, sizeof *both);
    if (both) *both = *(own->target.ptr ? own : (const struct ledger *)base);
    return both;
}

static apus_status set_target(void *ctx, const apus_cmd *cmd, void *conf, const apus_str *argv, uint32_t argc) {
    struct ledger *ledger = conf;
    if (argv[0].len == 0) return config->fail(cmd, TEXT("the name of the log is empty"));
    ledger->target = pools->dup(config->pool(cmd), argv[0]);
    ledger->file = config->location(cmd, &ledger->line);
    return ledger->target.ptr ? APUS_OK : config->fail(cmd, TEXT("no memory"));
}

static const apus_directive directives[] = {{
    .name = "Ledger", .min_args = 1, .max_args = 1, .where = APUS_IN_SERVER, .handle = set_target,
    .help = "a log: a file, or what CustomLog takes",
}};

/* ---- what the workers share */

struct shared {
    int64_t requests, ticks;
};

static struct shared *shared;

static int64_t add(int64_t *cell) { return __atomic_add_fetch(cell, 1, __ATOMIC_RELAXED); }
static int64_t load(const int64_t *cell) { return shared ? __atomic_load_n(cell, __ATOMIC_RELAXED) : 0; }

static int64_t count(void *ctx) { return shared ? load(&shared->requests) : 0; }

static apus_status open_config(void *ctx, uint32_t reason, uint64_t generation) {
    apus_shm *segment;
    if (reason != APUS_OPEN_CHECK) {
        apus_status status = shm->create(host, "ledger", sizeof *shared, &segment);
        if (status < 0) return status;
        shared = shm->base(segment);
    }
    for (const apus_server *s = server->first(host); s; s = server->next(s)) {
        struct ledger *ledger = server->conf(s, host);
        if (!ledger->target.ptr) continue;
        ledger->sink = logs->sink(host, ledger->target);
        if (ledger->sink) continue;
        config->report(host, APUS_LOG_ERR, (apus_str){NULL, 0}, ledger->file, ledger->line, TEXT("the log cannot be opened"));
        return APUS_E_FAIL;
    }
    return APUS_OK;
}

/* ---- work that one worker does for all */

static void tick(void *ctx) {
    uint64_t id;
    if (leader->lease(host, TEXT("ticks")) == APUS_OK) add(&shared->ticks);
    tasks->timer(NULL, TICK_US, tick, NULL, &id);
}

static void child_init(void *ctx) {
    uint64_t id;
    tasks->timer(NULL, TICK_US, tick, NULL, &id);
}

/* ---- requests */

static apus_status number_it(void *ctx, apus_req *r) {
    char text[32];
    int n = snprintf(text, sizeof text, "%lld", (long long)add(&shared->requests));
    headers->set(r, APUS_HEADERS_NOTES, TEXT("ledger-number"), (apus_str){text, (size_t)n});
    apus_conn *c = request->conn(r);
    int64_t *on_connection = connection->slot(c, host);
    if (!on_connection) {
        on_connection = pools->zalloc(connection->pool(c), sizeof *on_connection);
        if (!on_connection) return APUS_E_NOMEM;
        connection->set_slot(c, host, on_connection);
    }
    ++*on_connection;
    return APUS_DECLINED;
}

static apus_hook *entry_hook;
typedef apus_status entry_fn(void *ctx, apus_req *r, apus_str line);

static apus_status write_it(void *ctx, apus_req *r) {
    const struct ledger *ledger = request->server_conf(r, host);
    const int64_t *on_connection = connection->slot(request->conn(r), host);
    apus_str method = request->get(r, APUS_R_METHOD), target = request->get(r, APUS_R_TARGET);
    apus_str number = headers->get(r, APUS_HEADERS_NOTES, TEXT("ledger-number"), 0);
    size_t room = method.len + target.len + number.len + 64;
    char *line = pools->alloc(request->pool(r), room);
    if (!line) return APUS_E_NOMEM;
    int n = snprintf(line, room, "%.*s %.*s %d %.*s %lld\n", (int)method.len, method.len ? method.ptr : "", (int)target.len,
                     target.len ? target.ptr : "", (int)request->number(r, APUS_R_STATUS), (int)number.len,
                     number.len ? number.ptr : "", on_connection ? (long long)*on_connection : 0);
    if (ledger->sink) logs->append(ledger->sink, (apus_str){line, (size_t)n});
    /* Those that joined: through a pointer of the hook's type, which costs no more than a call. */
    uint32_t links, stride;
    const char *link = (const char *)hooks->links(entry_hook, &links, &stride);
    for (uint32_t i = 0; i < links; i++, link += stride) {
        const apus_link *other = (const apus_link *)(const void *)link;
        ((entry_fn *)other->fn)(other->ctx, r, (apus_str){line, (size_t)n});
    }
    return APUS_DECLINED;
}

static apus_status handle(void *ctx, apus_req *r) {
    apus_str handler = request->get(r, APUS_R_HANDLER);
    if (handler.len != 6 || memcmp(handler.ptr, "ledger", 6) != 0) return APUS_DECLINED;
    char text[96];
    int n = snprintf(text, sizeof text, "requests %lld\nticks %lld\n", (long long)count(NULL), (long long)load(&shared->ticks));
    return body->reply(r, 200, TEXT("text/plain"), (apus_str){text, (size_t)n});
}

static apus_status on(const char *hook, const char *signature, apus_fn fn) {
    const apus_hook_reg reg = {.size = sizeof reg, .position = APUS_MIDDLE, .hook = hook, .signature = signature, .fn = fn};
    return hooks->add(host, &reg);
}

static apus_status attach(const apus_host *h, void **ctx) {
    host = h;
    pools = h->extension(h, APUS_EXT_POOL);
    config = h->extension(h, APUS_EXT_CONFIG);
    hooks = h->extension(h, APUS_EXT_HOOKS);
    request = h->extension(h, APUS_EXT_REQUEST);
    headers = h->extension(h, APUS_EXT_HEADERS);
    connection = h->extension(h, APUS_EXT_CONN);
    server = h->extension(h, APUS_EXT_SERVER);
    logs = h->extension(h, APUS_EXT_LOG);
    body = h->extension(h, APUS_EXT_BODY);
    tasks = h->extension(h, APUS_EXT_TASKS);
    shm = h->extension(h, APUS_EXT_SHM);
    leader = h->extension(h, APUS_EXT_LEADER);
    const apus_functions_v1 *functions = h->extension(h, APUS_EXT_FUNCTIONS);
    apus_status status;
    if ((status = hooks->declare(h, "ledger.entry", "i(xRs)", APUS_RUN_ALL, &entry_hook)) < 0) return status;
    if ((status = functions->publish(h, "ledger.count", "I(x)", (apus_fn)count, NULL)) < 0) return status;
    if ((status = on("open_config", "i(xuU)", (apus_fn)open_config)) < 0) return status;
    if ((status = on("child_init", "v(x)", (apus_fn)child_init)) < 0) return status;
    if ((status = on("post_read_request", "i(xR)", (apus_fn)number_it)) < 0) return status;
    if ((status = on("handler", "i(xR)", (apus_fn)handle)) < 0) return status;
    return on("log_transaction", "i(xR)", (apus_fn)write_it);
}

static const char *const needs[] = {
    APUS_EXT_POOL, APUS_EXT_CONFIG, APUS_EXT_HOOKS, APUS_EXT_REQUEST, APUS_EXT_HEADERS, APUS_EXT_CONN, APUS_EXT_SERVER,
    APUS_EXT_LOG, APUS_EXT_BODY, APUS_EXT_TASKS, APUS_EXT_SHM, APUS_EXT_LEADER, APUS_EXT_FUNCTIONS, NULL,
};

static const apus_module module = {
    .size = sizeof module, .abi_major = APUS_ABI_MAJOR, .abi_minor_min = APUS_ABI_MINOR,
    .n_directives = 1, .directive_stride = sizeof directives[0], .directives = directives,
    .name = "ledger_module", .version = "1.0", .toolchain = "c", .requires_ids = needs,
    .server_conf = &(const apus_conf_ops){.size = sizeof(apus_conf_ops), .create = make, .merge = merge},
    .attach = attach,
};

APUS_EXPORT const apus_module *apus_module_entry(const apus_host *h, const char *name) {
    return *name == '\0' || strcmp(name, module.name) == 0 ? &module : NULL;
}
