/* Requests inside the server: looked up, adopted, redirected to. */
#include "abi_test.h"

static void show(out *o, apus_req *r) {
    say(o,
        "status=%lld\ntype=%lld\nsize=%lld\ncontent-type=%.*s\nfilename=%.*s\npath=%.*s\nquery=%.*s\nmethod=%"
        ".*s\nsub=%lld\n",
        (long long)rq->number(r, APUS_R_STATUS), (long long)rq->number(r, APUS_R_FILE_TYPE),
        (long long)rq->number(r, APUS_R_FILE_SIZE), F(rq->get(r, APUS_R_CONTENT_TYPE)),
        F(rq->get(r, APUS_R_FILENAME)), F(rq->get(r, APUS_R_PATH)), F(rq->get(r, APUS_R_QUERY)),
        F(rq->get(r, APUS_R_METHOD)), (long long)rq->number(r, APUS_R_IS_SUBREQUEST));
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str path = rq->get(r, APUS_R_PATH), query = rq->get(r, APUS_R_QUERY);
    out o = {0, ""};
    if (eq(path, "/abi/lookup")) {
        apus_req *sub = NULL;
        apus_status status = sq->lookup(r, query, &sub);
        say(&o, "lookup=%d\n", status);
        if (status == APUS_OK) {
            show(&o, sub);
            say(&o, "main=%d\n", rq->main(sub) == r);
            sq->destroy(sub);
        }
        return answer(r, &o);
    }
    if (eq(path, "/abi/redirect")) {
        apus_status status = sq->internal_redirect(r, query);
        return status == APUS_OK ? APUS_DONE : status;
    }
    if (eq(path, "/abi/loop")) {
        apus_status status = sq->internal_redirect(r, S("/abi/loop"));
        return status == APUS_OK ? APUS_DONE : 500;
    }
    if (eq(path, "/abi/target")) {
        apus_req *first = rq->previous(r);
        show(&o, r);
        say(&o, "previous=%.*s\n", first ? (int)rq->get(first, APUS_R_PATH).len : 4,
            first ? rq->get(first, APUS_R_PATH).ptr : "none");
        return answer(r, &o);
    }
    if (eq(path, "/abi/url")) {
        apus_str url = sq->absolute_url(r, S("/a b/\xc3\xa9?c%d"));
        say(&o, "%.*s", F(url));
        return answer(r, &o);
    }
    return APUS_DECLINED;
}

/** /adopt?TARGET becomes the answer to TARGET. */
static apus_status fixups(void *ctx, apus_req *r) {
    (void)ctx;
    if (!eq(rq->get(r, APUS_R_PATH), "/adopt") || rq->main(r)) return APUS_DECLINED;
    apus_req *sub = NULL;
    if (sq->lookup(r, rq->get(r, APUS_R_QUERY), &sub) != APUS_OK) return 500;
    int64_t status = rq->number(sub, APUS_R_STATUS);
    if (status != 200) return (apus_status)status;
    return sq->adopt(r, sub);
}

/** The redirected request waits, too. */
static void later(void *ctx);
typedef struct wait {
    apus_req *r;
    apus_task task;
} wait;
static void later(void *ctx) {
    wait *its = ctx;
    tk->resume(its->task, answerf(its->r, "late"));
}
static apus_status slow(void *ctx, apus_req *r) {
    (void)ctx;
    if (!eq(rq->get(r, APUS_R_PATH), "/abi/slow")) return APUS_DECLINED;
    wait *its = po->zalloc(rq->pool(r), sizeof *its);
    its->r = r;
    if (tk->suspend(r, NULL, NULL, &its->task) != APUS_OK) return APUS_E_FAIL;
    tk->timer(rq->conn(r), 50000, later, its, NULL);
    return APUS_SUSPENDED;
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    on(host, "fixups", APUS_MIDDLE, fixups, NULL);
    on_flags(host, "handler", APUS_EARLY, APUS_HOOK_MAY_SUSPEND, slow, NULL);
    return on(host, "handler", APUS_MIDDLE, handler, NULL);
}

static const apus_module description = {BASICS("abi_subrequest_module"), .attach = attach};
EXPORT(description)
