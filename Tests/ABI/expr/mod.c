/* Expressions: compiled, asked and expanded, and what a module adds to their language. The query is the flags, fields hold
 * the rest. */
#include "abi_test.h"

static const apus_expr_v1 *ex;

/* ---- additions ---- */

static apus_status name_of(void *ctx, apus_req *r, apus_str name, apus_str *out) {
    (void)r;
    if (ctx) return APUS_E_FAIL;
    if (name.len == 8) return APUS_DECLINED;
    *out = name;
    return APUS_OK;
}

static apus_status twice(void *ctx, apus_req *r, apus_str text, apus_str *out) {
    (void)ctx;
    char *both = po->alloc(rq->pool(r), 2 * text.len + 1);
    memcpy(both, text.ptr, text.len);
    memcpy(both + text.len, text.ptr, text.len);
    *out = (apus_str){both, 2 * text.len};
    return APUS_OK;
}

static apus_status list(void *ctx, apus_req *r, apus_str argument, const apus_str **items, uint32_t *count) {
    (void)ctx;
    apus_str *two = po->alloc(rq->pool(r), 2 * sizeof *two);
    two[0] = argument;
    two[1] = S("other");
    *items = two;
    *count = 2;
    return APUS_OK;
}

static apus_status same_length(void *ctx, apus_req *r, apus_str left, apus_str right) {
    (void)ctx;
    (void)r;
    return left.len == right.len;
}

static apus_status is_yes(void *ctx, apus_req *r, apus_str left, apus_str right) {
    (void)ctx;
    (void)r;
    return left.len == 0 && right.len == 3 && memcmp(right.ptr, "yes", 3) == 0;
}

/* ---- the handler ---- */

static void groups(out *o, const int64_t *spans) {
    for (int i = 0; i < 3; i++) say(o, " %lld-%lld", (long long)spans[2 * i], (long long)spans[2 * i + 1]);
}

static const apus_host *self;

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str text = hd->get(r, APUS_HEADERS_IN, S("X-Expression"), 0);
    apus_str variable = hd->get(r, APUS_HEADERS_IN, S("X-Variable"), 0);
    apus_str query = rq->get(r, APUS_R_QUERY);
    uint32_t flags = query.len ? (uint32_t)atoi(copy(r, query)) : 0;
    out o = {0, ""};
    apus_expr *expr = NULL;
    if (variable.ptr) {
        apus_status status = ex->variable(self, rq->pool(r), variable, flags, &expr);
        apus_str value = {NULL, 0};
        say(&o, "variable %d\n", status);
        if (status == APUS_OK) {
            status = ex->text(expr, r, &value);
            say(&o, "text %d %.*s\n", status, F(value));
        }
        return answer(r, &o);
    }
    apus_str error = {NULL, 0};
    uint32_t offset = 0;
    apus_status status = ex->compile(self, rq->pool(r), text, flags, &expr, &error, &offset);
    say(&o, "compile %d %u %s\n", status, offset, error.len ? "with a reason" : "");
    if (status != APUS_OK) return answer(r, &o);
    say(&o, "mentions %d\n", ex->mentions(expr, S("REMOTE_USER")));
    if (flags & APUS_EXPR_STRING) {
        apus_str value = {NULL, 0};
        status = ex->text(expr, r, &value);
        say(&o, "text %d %.*s\n", status, F(value));
        int64_t spans[4] = {0, 3, 1, 2};
        status = ex->expand(expr, r, S("abc"), spans, 2, &value);
        say(&o, "expand %d %.*s\n", status, F(value));
    } else {
        apus_str subject = {NULL, 0};
        int64_t spans[6];
        say(&o, "test %d\n", ex->test(expr, r));
        say(&o, "match %d", ex->match(expr, r, &subject, spans, 3));
        say(&o, " %.*s", F(subject));
        groups(&o, spans);
        say(&o, "\n");
    }
    return answer(r, &o);
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    ex = host->extension(host, APUS_EXT_EXPR);
    static int failing;
    apus_status made[] = {
        ex->add_variable(host, S("ABI_NAME_OF_MINE"), 0, name_of, NULL),
        ex->add_variable(host, S("ABI_PRE_"), APUS_EXPR_PREFIX, name_of, NULL),
        ex->add_variable(host, S("ABI_FAILS"), APUS_EXPR_RESTRICTED, name_of, &failing),
        ex->add_function(host, S("abi_twice"), 0, twice, NULL),
        ex->add_list(host, S("abi_list"), 0, list, NULL),
        ex->add_operator(host, S("-Y"), 0, is_yes, NULL),
        ex->add_operator(host, S("-abi_long"), 0, same_length, NULL),
    };
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        if (made[i] != APUS_OK) return made[i];
    if (ex->add_variable(host, S("no name"), 0, name_of, NULL) != APUS_E_INVALID) return APUS_E_FAIL;
    if (ex->add_operator(host, S("abi"), 0, is_yes, NULL) != APUS_E_INVALID) return APUS_E_FAIL;
    return on(host, "handler", APUS_MIDDLE, handler, NULL);
}

static const apus_module description = {BASICS("abi_expr_module"), .attach = attach};
EXPORT(description)
