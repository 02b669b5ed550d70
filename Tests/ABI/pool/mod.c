/* Memory: what is called when it goes, and in which order. */
#include "abi_test.h"

static const apus_host *self;

static void freed(void *ctx) {
    char text[60];
    int n = snprintf(text, sizeof text, "freed %s", (const char *)ctx);
    lg->write(self, APUS_LOG_WARN, S(""), NULL, NULL, NULL, (apus_str){text, (size_t)n});
}

static apus_status logged(void *ctx, apus_req *r) {
    (void)ctx;
    if (ours(r) && eq(rq->get(r, APUS_R_PATH), "/order")) freed("logged");
    return APUS_DECLINED;
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str path = rq->get(r, APUS_R_PATH);
    apus_pool *pool = rq->pool(r);
    out o = {0, ""};
    if (eq(path, "/order")) {
        for (int i = 0; i < 3; i++)
            po->on_destroy(pool, freed, (char *[]){"one", "two", "three"}[i]);
    } else if (eq(path, "/children")) {
        apus_pool *early = po->create(pool), *late = po->create(pool), *grand = po->create(late),
                  *orphan = po->create(NULL);
        po->on_destroy(early, freed, "early child");
        po->on_destroy(late, freed, "late child");
        po->on_destroy(grand, freed, "grandchild");
        po->on_destroy(orphan, freed, "orphan");
        po->on_destroy(pool, freed, "parent");
        po->destroy(early);
        freed("early done");
        po->destroy(orphan);
        freed("orphan done");
    } else if (eq(path, "/memory")) {
        int aligned = 1, clear = 1;
        for (size_t n = 0; n < 300; n += 7) {
            char *a = po->alloc(pool, n), *z = po->zalloc(pool, n);
            aligned &= ((uintptr_t)a % 16 == 0) && ((uintptr_t)z % 16 == 0);
            for (size_t i = 0; i < n; i++)
                clear &= z[i] == 0;
            memset(a, 0xff, n);
            memset(z, 0xff, n);
        }
        char *big = po->alloc(pool, 3 << 20);
        memset(big, 1, 3 << 20);
        apus_str copy = po->dup(pool, S("bytes")), none = po->dup(pool, (apus_str){NULL, 0});
        say(&o, "%d %d %.*s %d %d %d", aligned, clear, F(copy), copy.ptr[5], (int)none.len,
            none.ptr && none.ptr[0] == 0);
    } else return APUS_DECLINED;
    return answer(r, &o);
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    on(host, "log_transaction", APUS_LAST, logged, NULL);
    return on(host, "handler", APUS_MIDDLE, handler, NULL);
}

static const apus_module description = {BASICS("abi_pool_module"), .attach = attach};
EXPORT(description)
