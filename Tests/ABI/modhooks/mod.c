/* Hooks of a module's own: declared by "owner", implemented by "one" and "two", misunderstood by "stranger".
 */
#include "abi_test.h"

static const apus_host *self;
static apus_hook *sum, *seen, *every;

/** Walks the links and calls through the typed pointer, as the owner of a hook does. */
static int32_t run_sum(int32_t a, int32_t b) {
    uint32_t n = 0, stride = 0;
    const char *at = (const char *)hk->links(sum, &n, &stride);
    for (; n; n--, at += stride) {
        const apus_link *link = (const apus_link *)at;
        int32_t status = ((int32_t(*)(void *, int32_t, int32_t))link->fn)(link->ctx, a, b);
        if (status != APUS_DECLINED) return status;
    }
    return APUS_DECLINED;
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str path = rq->get(r, APUS_R_PATH), query = rq->get(r, APUS_R_QUERY);
    int32_t a = query.len ? atoi(copy(r, query)) : 0, b = 5;
    if (eq(path, "/links")) return answerf(r, "%d", run_sum(a, b));
    if (eq(path, "/invoke")) {
        int64_t result = 77;
        apus_status status = hk->invoke(sum, &result, (void *const[]){&a, &b});
        return answerf(r, "%d %d", status, (int32_t)result);
    }
    if (eq(path, "/every")) {
        int64_t result = 77;
        apus_status status = hk->invoke(every, &result, (void *const[]){&r});
        apus_str note = hd->get(r, APUS_HEADERS_NOTES, S("seen"), 0);
        return answerf(r, "%d %d %.*s", status, (int32_t)result, F(note));
    }
    if (eq(path, "/seen")) {
        apus_str text = S("said");
        hk->invoke(seen, NULL, (void *const[]){&r, &text});
        apus_str note = hd->get(r, APUS_HEADERS_NOTES, S("seen"), 0);
        return answerf(r, "%.*s", F(note));
    }
    if (eq(path, "/count")) {
        uint32_t n = 0, stride = 0;
        hk->links(every, &n, &stride);
        return answerf(r, "%u %d", n, stride >= sizeof(apus_link));
    }
    if (eq(path, "/find")) {
        const apus_hook *found = NULL, *own = NULL, *none = NULL;
        apus_status status[4] = {hk->find(self, "abi.sum", "i(xii)", &found), hk->find(self, "abi.sum", "v(x)", &none),
                                 hk->find(self, "abi.absent", "v(x)", &none), hk->find(self, "handler", "i(xR)", &own)};
        return answerf(r, "%d %d %d %d %d", status[0], status[1], status[2], status[3],
                       found == sum && own != NULL && none == NULL);
    }
    return APUS_DECLINED;
}

static apus_status attach_owner(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    hk->declare(host, "abi.sum", "i(xii)", APUS_RUN_FIRST, &sum);
    hk->declare(host, "abi.seen", "v(xRs)", APUS_RUN_VOID, &seen);
    hk->declare(host, "abi.every", "i(xR)", APUS_RUN_ALL, &every);
    return on(host, "handler", APUS_MIDDLE, handler, NULL);
}

/* Implementations; ctx is the module's letter. */
static int32_t sum_even(void *ctx, int32_t a, int32_t b) {
    return a % 2 ? APUS_DECLINED : a + b + (*(const char *)ctx == '1' ? 1000 : 2000);
}
static int32_t sum_any(void *ctx, int32_t a, int32_t b) {
    (void)ctx;
    return a == 99 ? APUS_DECLINED : a + b + 3000;
}
static void note(void *ctx, apus_req *r, apus_str text) {
    char all[60];
    int n = snprintf(all, sizeof all, "%s:%.*s", (const char *)ctx, F(text));
    hd->merge(r, APUS_HEADERS_NOTES, S("seen"), (apus_str){all, (size_t)n});
}
static apus_status every_one(void *ctx, apus_req *r) {
    note(ctx, r, S("every"));
    apus_str query = rq->get(r, APUS_R_QUERY);
    return query.len && *(const char *)ctx == '1' ? atoi(copy(r, query)) : APUS_OK;
}

static apus_status attach_one(const apus_host *host, void **ctx) {
    (void)ctx;
    on_any(host, "abi.sum", "i(xii)", (apus_fn)sum_even, "1");
    on_any(host, "abi.seen", "v(xRs)", (apus_fn)note, "1");
    return on_any(host, "abi.every", "i(xR)", (apus_fn)every_one, "1");
}
static apus_status attach_two(const apus_host *host, void **ctx) {
    (void)ctx;
    on_any(host, "abi.sum", "i(xii)", (apus_fn)sum_any, "2");
    on_any(host, "abi.seen", "v(xRs)", (apus_fn)note, "2");
    return on_any(host, "abi.every", "i(xR)", (apus_fn)every_one, "2");
}
static apus_status attach_stranger(const apus_host *host, void **ctx) {
    (void)ctx;
    return on_any(host, "abi.sum", "i(xiI)", (apus_fn)sum_any, NULL);
}
static apus_status attach_rival(const apus_host *host, void **ctx) {
    (void)ctx;
    apus_hook *mine;
    return hk->declare(host, "abi.sum", "i(xii)", APUS_RUN_FIRST, &mine);
}
static apus_status attach_bad(const apus_host *host, void **ctx) {
    (void)ctx;
    apus_hook *mine;
    return hk->declare(host, "abi.bad", "i(x", APUS_RUN_FIRST, &mine);
}

static const apus_module modules[] = {
    {BASICS("abi_modhooks_owner_module"), .attach = attach_owner},
    {BASICS("abi_modhooks_one_module"), .attach = attach_one},
    {BASICS("abi_modhooks_two_module"), .attach = attach_two},
    {BASICS("abi_modhooks_stranger_module"), .attach = attach_stranger},
    {BASICS("abi_modhooks_rival_module"), .attach = attach_rival},
    {BASICS("abi_modhooks_bad_module"), .attach = attach_bad},
};
EXPORT_ONE_OF(modules)
