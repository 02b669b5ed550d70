/* Filters at every stage; the query of a request says which are put on it: "out=UPPER,MARK&in=ROT". */
#include <unistd.h>

#include "abi_test.h"

static const apus_host *self;

/** What a chain holds, copied into a new chain with `fn` run over each byte. */
static void mapped(apus_req *r, apus_chain *to, apus_chain *from, char (*fn)(char)) {
    apus_segment first = {.size = sizeof first};
    while (bd->peek(from, &first) == APUS_OK) {
        if (first.kind == APUS_SEG_DATA || first.kind == APUS_SEG_FILE) {
            size_t n = (size_t)first.length;
            char *bytes = po->alloc(rq->pool(r), n + 1);
            if (first.kind == APUS_SEG_DATA) memcpy(bytes, first.data.ptr, n);
            else if (pread(first.fd, bytes, n, first.offset) != (ssize_t)n) n = 0;
            for (size_t i = 0; i < n; i++)
                bytes[i] = fn(bytes[i]);
            bd->append_borrowed(to, (apus_str){bytes, n}, NULL, NULL);
        } else {
            bd->append_mark(to, first.kind);
        }
        bd->drop(from, (size_t)first.length);
    }
}

static char upper(char c) {
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}
static char rot(char c) {
    return c >= 'a' && c <= 'z'   ? (char)((c - 'a' + 13) % 26 + 'a')
           : c >= 'A' && c <= 'Z' ? (char)((c - 'A' + 13) % 26 + 'A')
                                  : c;
}

static apus_status process_upper(void *ctx, apus_filter *f, apus_chain *chain) {
    (void)ctx;
    apus_chain *made = bd->chain(rq->pool(fl->request(f)));
    mapped(fl->request(f), made, chain, upper);
    return fl->pass(f, made);
}

static apus_status begin_length(void *ctx, apus_filter *f) {
    (void)ctx;
    hd->remove(fl->request(f), APUS_HEADERS_OUT, S("Content-Length"));
    return APUS_OK;
}

/** Puts the name of the filter before the body and behind it: "(NAME body NAME)". */
static apus_status process_mark(void *ctx, apus_filter *f, apus_chain *chain) {
    apus_chain *made = bd->chain(rq->pool(fl->request(f)));
    if (!fl->state(f)) {
        bd->append_copy(made, S("("));
        bd->append_copy(made, str(ctx));
        bd->append_copy(made, S(" "));
        fl->set_state(f, ctx);
    }
    apus_segment first = {.size = sizeof first};
    while (bd->peek(chain, &first) == APUS_OK) {
        if (first.kind == APUS_SEG_END) bd->append_copy(made, S(")"));
        if (first.kind == APUS_SEG_DATA) bd->append_copy(made, first.data);
        else bd->append_mark(made, first.kind);
        bd->drop(chain, first.kind == APUS_SEG_DATA ? first.data.len : 1);
    }
    return fl->pass(f, made);
}

/** Marks the first piece only. */
static apus_status process_once(void *ctx, apus_filter *f, apus_chain *chain) {
    (void)ctx;
    apus_chain *made = bd->chain(rq->pool(fl->request(f)));
    bd->append_copy(made, S("once:"));
    bd->move(made, chain, (size_t)bd->length(chain));
    apus_segment first = {.size = sizeof first};
    while (bd->peek(chain, &first) == APUS_OK) {
        bd->append_mark(made, first.kind);
        bd->drop(chain, 1);
    }
    fl->remove(f);
    return fl->pass(f, made);
}

static apus_status never(void *ctx, apus_filter *f) {
    (void)ctx, (void)f;
    return APUS_DECLINED;
}

static void end(void *ctx, apus_filter *f) {
    (void)f;
    char text[60];
    int n = snprintf(text, sizeof text, "end %s", (const char *)ctx);
    lg->write(self, APUS_LOG_WARN, S(""), NULL, NULL, NULL, (apus_str){text, (size_t)n});
}

static apus_status fail(void *ctx, apus_filter *f, apus_chain *chain) {
    (void)ctx, (void)f, (void)chain;
    return APUS_E_FAIL;
}

static apus_status fill(apus_filter *f, size_t max, apus_chain *chain, char (*fn)(char)) {
    apus_chain *raw = bd->chain(rq->pool(fl->request(f)));
    apus_status status = fl->pull(f, max, raw);
    if (status == APUS_OK) mapped(fl->request(f), chain, raw, fn);
    return status;
}
static apus_status fill_rot(void *ctx, apus_filter *f, size_t max, apus_chain *chain) {
    (void)ctx;
    return fill(f, max, chain, rot);
}
static apus_status fill_upper(void *ctx, apus_filter *f, size_t max, apus_chain *chain) {
    (void)ctx;
    return fill(f, max, chain, upper);
}
static apus_status fill_too_big(void *ctx, apus_filter *f, size_t max, apus_chain *chain) {
    (void)ctx, (void)f, (void)max, (void)chain;
    return 413;
}

static apus_status echo(apus_req *r, collector *c, apus_status status) {
    if (status != APUS_OK) return status;
    rq->set(r, APUS_R_CONTENT_TYPE, S("text/plain"));
    bd->append_mark(c->chain, APUS_SEG_END);
    bd->write(r, c->chain);
    return APUS_OK;
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    if (eq(rq->get(r, APUS_R_PATH), "/echo")) return collect(r, 65536, echo, NULL);
    return bd->reply(r, 200, S("text/plain"), S("Hello, world"));
}

static void insert(void *ctx, apus_req *r) {
    (void)ctx;
    apus_str query = rq->get(r, APUS_R_QUERY);
    if (!query.len) return;
    char *at = (char *)copy(r, query);
    for (char *save = NULL, *part = strtok_r(at, "&", &save); part; part = strtok_r(NULL, "&", &save)) {
        uint32_t direction = strncmp(part, "in=", 3) ? APUS_OUTPUT : APUS_INPUT;
        char *names = strchr(part, '=');
        if (!names) continue;
        for (char *inner = NULL, *name = strtok_r(names + 1, ",", &inner); name;
             name = strtok_r(NULL, ",", &inner)) {
            apus_status status = fl->insert(r, direction, str(name));
            char text[80];
            int n = snprintf(text, sizeof text, "%s:%d", name, status);
            hd->merge(r, APUS_HEADERS_ERR, S("X-Inserted"), (apus_str){text, (size_t)n});
        }
    }
}

typedef apus_status chain_fn(void *, apus_filter *, apus_chain *);
typedef apus_status fill_fn(void *, apus_filter *, size_t, apus_chain *);

static apus_status output(const apus_host *host, const char *name, uint32_t stage,
                          apus_status (*begin)(void *, apus_filter *), chain_fn *process,
                          const char *const *after) {
    apus_filter_reg reg = {.size = sizeof reg,
                           .direction = APUS_OUTPUT,
                           .stage = stage,
                           .name = name,
                           .ctx = (void *)name,
                           .after = after,
                           .begin = begin,
                           .process = process,
                           .end = end};
    return fl->add(host, &reg);
}
static apus_status input(const apus_host *host, const char *name, fill_fn *fill) {
    apus_filter_reg reg = {
        .size = sizeof reg, .direction = APUS_INPUT, .stage = APUS_STAGE_CONTENT, .name = name, .fill = fill};
    return fl->add(host, &reg);
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    static const char *const after_b[] = {"mark-b", NULL};
    self = host;
    output(host, "UPPER", APUS_STAGE_CONTENT, NULL, process_upper, NULL);
    output(host, "MARK-CONTENT", APUS_STAGE_CONTENT, begin_length, process_mark, NULL);
    output(host, "MARK-TRANSFORM", APUS_STAGE_TRANSFORM, begin_length, process_mark, NULL);
    output(host, "MARK-ENCODE", APUS_STAGE_ENCODE, begin_length, process_mark, NULL);
    output(host, "MARK-FRAME", APUS_STAGE_FRAME, begin_length, process_mark, NULL);
    output(host, "MARK-A", APUS_STAGE_TRANSFORM, begin_length, process_mark, after_b);
    output(host, "MARK-B", APUS_STAGE_TRANSFORM, begin_length, process_mark, NULL);
    output(host, "ONCE", APUS_STAGE_TRANSFORM, begin_length, process_once, NULL);
    output(host, "NEVER", APUS_STAGE_TRANSFORM, never, process_mark, NULL);
    output(host, "FAIL", APUS_STAGE_TRANSFORM, NULL, fail, NULL);
    input(host, "ROT", fill_rot);
    input(host, "UPPER", fill_upper);
    input(host, "TOO-BIG", fill_too_big);
    on_any(host, "insert_filter", "v(xR)", (apus_fn)insert, NULL);
    return on_flags(host, "handler", APUS_MIDDLE, APUS_HOOK_MAY_SUSPEND, handler, NULL);
}

static apus_status attach_stage(const apus_host *host, void **ctx) {
    (void)ctx;
    return output(host, "ODD", 15, NULL, process_upper, NULL);
}
static apus_status attach_rival(const apus_host *host, void **ctx) {
    (void)ctx;
    return output(host, "upper", APUS_STAGE_CONTENT, NULL, process_upper, NULL);
}

static const apus_module modules[] = {
    {BASICS("abi_filters_module"), .attach = attach},
    {BASICS("abi_filters_stage_module"), .attach = attach_stage},
    {BASICS("abi_filters_rival_module"), .attach = attach_rival},
};
EXPORT_ONE_OF(modules)
