/* abi_test.h — what the test modules in C share: the tables, text, and one line to export a module. */
#ifndef ABI_TEST_H
#define ABI_TEST_H
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apus/all.h"
#include "apus/draft/all.h"

#define UNUSED __attribute__((unused))

UNUSED static const apus_config_v1 *cf;
UNUSED static const apus_hooks_v1 *hk;
UNUSED static const apus_functions_v1 *fu;
UNUSED static const apus_providers_v1 *pv;
UNUSED static const apus_pool_v1 *po;
UNUSED static const apus_log_v1 *lg;
UNUSED static const apus_request_v1 *rq;
UNUSED static const apus_headers_v1 *hd;
UNUSED static const apus_subrequest_v1 *sq;
UNUSED static const apus_conn_v1 *cn;
UNUSED static const apus_server_v1 *sv;
UNUSED static const apus_body_v1 *bd;
UNUSED static const apus_filters_v1 *fl;
UNUSED static const apus_tasks_v1 *tk;
UNUSED static const apus_regex_v1 *rx;
UNUSED static const apus_shm_v1 *sm;
UNUSED static const apus_mutex_v1 *mx;
UNUSED static const apus_upgrade_v0 *up;
UNUSED static const apus_wire_v0 *wi;

UNUSED static void use(const apus_host *host) {
    cf = host->extension(host, APUS_EXT_CONFIG);
    hk = host->extension(host, APUS_EXT_HOOKS);
    fu = host->extension(host, APUS_EXT_FUNCTIONS);
    pv = host->extension(host, APUS_EXT_PROVIDERS);
    po = host->extension(host, APUS_EXT_POOL);
    lg = host->extension(host, APUS_EXT_LOG);
    rq = host->extension(host, APUS_EXT_REQUEST);
    hd = host->extension(host, APUS_EXT_HEADERS);
    sq = host->extension(host, APUS_EXT_SUBREQUEST);
    cn = host->extension(host, APUS_EXT_CONN);
    sv = host->extension(host, APUS_EXT_SERVER);
    bd = host->extension(host, APUS_EXT_BODY);
    fl = host->extension(host, APUS_EXT_FILTERS);
    tk = host->extension(host, APUS_EXT_TASKS);
    rx = host->extension(host, APUS_EXT_REGEX);
    sm = host->extension(host, APUS_EXT_SHM);
    mx = host->extension(host, APUS_EXT_MUTEX);
    up = host->extension(host, APUS_EXT_UPGRADE);
    wi = host->extension(host, APUS_EXT_WIRE);
}

/* ---- text ---- */

#define S(literal) ((apus_str){literal, sizeof(literal) - 1})
#define F(s) (int)(s).len, (s).len ? (s).ptr : ""

UNUSED static apus_str str(const char *s) {
    return (apus_str){s, s ? strlen(s) : 0};
}
UNUSED static int eq(apus_str a, const char *b) {
    return a.len == strlen(b) && (!a.len || !memcmp(a.ptr, b, a.len));
}
UNUSED static int starts(apus_str a, const char *b) {
    return a.len >= strlen(b) && !memcmp(a.ptr, b, strlen(b));
}

/** Text that grows by printf. */
typedef struct out {
    size_t n;
    char text[8192];
} out;

__attribute__((format(printf, 2, 3), unused)) static void say(out *o, const char *format, ...) {
    va_list list;
    va_start(list, format);
    int n = vsnprintf(o->text + o->n, sizeof o->text - o->n, format, list);
    va_end(list);
    if (n > 0) o->n += (size_t)n;
    if (o->n >= sizeof o->text) o->n = sizeof o->text - 1;
}

UNUSED static apus_status answer(apus_req *r, const out *o) {
    return bd->reply(r, 200, S("text/plain"), (apus_str){o->text, o->n});
}

__attribute__((format(printf, 2, 3), unused)) static apus_status answerf(apus_req *r, const char *format,
                                                                         ...) {
    out o = {0, ""};
    va_list list;
    va_start(list, format);
    int n = vsnprintf(o.text, sizeof o.text, format, list);
    va_end(list);
    o.n = n < 0 ? 0 : (size_t)n >= sizeof o.text ? sizeof o.text - 1 : (size_t)n;
    return answer(r, &o);
}

/** A NUL-terminated copy in the request's pool. */
UNUSED static const char *copy(apus_req *r, apus_str s) {
    return po->dup(rq->pool(r), s).ptr;
}

UNUSED static int ours(apus_req *r) {
    return eq(rq->get(r, APUS_R_HANDLER), "abi");
}

/* ---- the body of a request ---- */

/** A body being read without holding the thread; in the request's pool. */
typedef struct collector {
    apus_chain *chain;
    size_t max, largest;
    apus_task task;
    apus_status (*done)(apus_req *r, struct collector *c, apus_status status);
    void *ctx;
} collector;

UNUSED static apus_status collect_on(apus_req *r, collector *c) {
    for (;;) {
        apus_chain *part = bd->chain(rq->pool(r));
        apus_status status = bd->read(r, c->max, part);
        if (status != APUS_OK) return status;
        if ((size_t)bd->length(part) > c->largest) c->largest = (size_t)bd->length(part);
        apus_segment first = {.size = sizeof first};
        while (bd->peek(part, &first) == APUS_OK) {
            if (first.kind == APUS_SEG_END) return APUS_OK;
            if (first.kind == APUS_SEG_DATA) bd->append_copy(c->chain, first.data);
            bd->drop(part, (size_t)first.length);
        }
    }
}

UNUSED static void collect_again(void *ctx, apus_req *r) {
    collector *c = ctx;
    apus_status status = collect_on(r, c);
    if (status == APUS_AGAIN) bd->when(r, APUS_WANT_READ, collect_again, c);
    else tk->resume(c->task, c->done(r, c, status));
}

/** Reads the whole body, then calls `done` on the connection's loop. Returns what the hook should return. */
UNUSED static apus_status collect(apus_req *r, size_t max,
                                  apus_status (*done)(apus_req *, collector *, apus_status), void *ctx) {
    collector *c = po->zalloc(rq->pool(r), sizeof *c);
    *c = (collector){.chain = bd->chain(rq->pool(r)), .max = max, .done = done, .ctx = ctx};
    apus_status status = collect_on(r, c);
    if (status != APUS_AGAIN) return done(r, c, status);
    status = tk->suspend(r, NULL, NULL, &c->task);
    if (status != APUS_OK) return status;
    bd->when(r, APUS_WANT_READ, collect_again, c);
    return APUS_SUSPENDED;
}

/* ---- registration ---- */

typedef apus_status request_hook(void *ctx, apus_req *r);

UNUSED static apus_status on_flags(const apus_host *host, const char *hook, int32_t position, uint32_t flags,
                                   request_hook *fn, void *ctx) {
    apus_hook_reg reg = {.size = sizeof reg,
                         .position = position,
                         .hook = hook,
                         .signature = "i(xR)",
                         .fn = (apus_fn)fn,
                         .ctx = ctx,
                         .flags = flags};
    return hk->add(host, &reg);
}

UNUSED static apus_status on(const apus_host *host, const char *hook, int32_t position, request_hook *fn,
                             void *ctx) {
    return on_flags(host, hook, position, 0, fn, ctx);
}

UNUSED static apus_status on_any(const apus_host *host, const char *hook, const char *signature, apus_fn fn,
                                 void *ctx) {
    apus_hook_reg reg = {.size = sizeof reg,
                         .position = APUS_MIDDLE,
                         .hook = hook,
                         .signature = signature,
                         .fn = fn,
                         .ctx = ctx};
    return hk->add(host, &reg);
}

/** The members that are the same in every test module. */
#define BASICS(its_name)                                                                                     \
    .size = sizeof(apus_module), .abi_major = APUS_ABI_MAJOR, .abi_minor_min = APUS_ABI_MINOR,               \
    .name = its_name, .version = "1.0", .toolchain = "c"

#define ROWS(table)                                                                                          \
    .directives = table, .n_directives = sizeof(table) / sizeof((table)[0]),                                 \
    .directive_stride = sizeof((table)[0])

/** Exports the one module of a file. */
#define EXPORT(descriptor)                                                                                   \
    APUS_EXPORT const apus_module *apus_module_entry(const apus_host *host, const char *name) {              \
        if (*name && strcmp(name, (descriptor).name)) return NULL;                                           \
        use(host);                                                                                           \
        return &(descriptor);                                                                                \
    }

/** Exports the modules of a file that holds several. */
#define EXPORT_ONE_OF(descriptors)                                                                           \
    APUS_EXPORT const apus_module *apus_module_entry(const apus_host *host, const char *name) {              \
        use(host);                                                                                           \
        for (size_t i = 0; i < sizeof(descriptors) / sizeof((descriptors)[0]); i++)                          \
            if (!strcmp(name, (descriptors)[i].name)) return &(descriptors)[i];                              \
        return NULL;                                                                                         \
    }

#endif
