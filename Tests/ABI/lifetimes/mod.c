/* What outlives what: names of connections, lent bytes, filters of requests that others took the place of, and what one
 * connection sets going on another. */
#include "abi_test.h"

static const apus_host *self;
static apus_token kept;
static apus_filter *waiting;

static void note(const char *text) {
    lg->write(self, APUS_LOG_WARN, S(""), NULL, NULL, NULL, str(text));
}

static void posted(void *ctx, apus_conn *c) {
    (void)ctx;
    note(c ? "posted to somebody" : "posted to nobody");
}

/* Lent bytes, in the request's own memory. */

static void given_back(void *ctx) {
    note(*(char *)ctx == 'a' ? "given back in time" : "given back too late");
}

static void pool_goes(void *ctx) {
    *(char *)ctx = 'z';
}

static apus_status lend(apus_req *r) {
    size_t length = 8 << 20;
    apus_pool *pool = rq->pool(r);
    char *mark = po->alloc(pool, 1), *bytes = po->zalloc(pool, length);
    apus_chain *chain = bd->chain(pool);
    *mark = 'a';
    po->on_destroy(pool, pool_goes, mark);
    bd->append_borrowed(chain, (apus_str){bytes, length}, given_back, mark);
    bd->append_mark(chain, APUS_SEG_END);
    bd->write(r, chain);
    return APUS_OK;
}

/* A filter that waits until another connection's request wakes it. */

static apus_status hold(void *ctx, apus_filter *f, apus_chain *chain) {
    (void)ctx;
    apus_chain *held = fl->state(f);
    int is_first = held == NULL;
    if (is_first) fl->set_state(f, held = bd->chain(rq->pool(fl->request(f))));
    apus_segment first = {.size = sizeof first};
    bd->move(held, chain, 1 << 20);
    while (bd->peek(chain, &first) == APUS_OK) {
        bd->append_mark(held, first.kind);
        bd->drop(chain, 1);
    }
    if (!is_first) return fl->pass(f, held);
    waiting = f;
    return APUS_SUSPENDED;
}

static void ended(void *ctx, apus_filter *f) {
    (void)ctx, (void)f;
    note("a filter ended");
}

static apus_status pass(void *ctx, apus_filter *f, apus_chain *chain) {
    (void)ctx;
    return fl->pass(f, chain);
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    apus_str path = rq->get(r, APUS_R_PATH);
    if (eq(path, "/token")) return answerf(r, "%llx", (unsigned long long)cn->token(rq->conn(r)));
    if (eq(path, "/keep")) {
        kept = cn->token(rq->conn(r));
        return answerf(r, "%llx", (unsigned long long)kept);
    }
    if (eq(path, "/post")) return answerf(r, "%d", tk->post(kept, posted, NULL));
    if (eq(path, "/lend")) return lend(r);
    if (eq(path, "/hold")) {
        fl->insert(r, APUS_OUTPUT, S("HOLD"));
        return answerf(r, "held");
    }
    if (eq(path, "/wake")) {
        apus_filter *f = waiting;
        waiting = NULL;
        if (f) fl->resume(f);
        return answerf(r, "woke");
    }
    if (eq(path, "/who")) return answerf(r, "%.*s", F(rq->get(r, APUS_R_QUERY)));
    return APUS_DECLINED;
}

static apus_status fixups(void *ctx, apus_req *r) {
    (void)ctx;
    if (eq(rq->get(r, APUS_R_QUERY), "fine")) rq->set(r, APUS_R_REASON, S("Perfectly Fine Indeed"));
    return APUS_DECLINED;
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    static const apus_filter_reg holding = {.size = sizeof holding, .direction = APUS_OUTPUT, .stage = APUS_STAGE_FRAME,
                                            .name = "HOLD", .process = hold};
    static const apus_filter_reg ending = {.size = sizeof ending, .direction = APUS_OUTPUT, .stage = APUS_STAGE_CONTENT,
                                           .name = "ENDING", .process = pass, .end = ended};
    self = host;
    use(host);
    fl->add(host, &holding);
    fl->add(host, &ending);
    on(host, "fixups", APUS_MIDDLE, fixups, NULL);
    return on(host, "handler", APUS_FIRST, handler, NULL);
}

static const apus_module description = {BASICS("abi_lifetimes_module"), .attach = attach};
EXPORT(description)
