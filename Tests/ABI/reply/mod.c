/* Answers in one call, and what a handler's return values come to. */
#include "abi_test.h"

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str path = rq->get(r, APUS_R_PATH);
    apus_str query = rq->get(r, APUS_R_QUERY);
    int number = query.len ? atoi(copy(r, query)) : 0;
    if (eq(path, "/text")) return bd->reply(r, 200, S("text/plain"), S("hello"));
    if (eq(path, "/status")) return bd->reply(r, number, S("text/plain"), S("said"));
    if (eq(path, "/untyped")) return bd->reply(r, 200, S(""), S("hello"));
    if (eq(path, "/empty")) return bd->reply(r, 204, S(""), S(""));
    if (eq(path, "/return")) return number;
    if (eq(path, "/done")) {
        bd->reply(r, 200, S("text/plain"), S("done"));
        return APUS_DONE;
    }
    if (eq(path, "/refused")) {
        apus_status type = bd->reply(r, 200, S("text/plain\r\nX-Evil: 1"), S("evil"));
        apus_status low = bd->reply(r, 99, S("text/plain"), S("low"));
        apus_status high = bd->reply(r, 600, S("text/plain"), S("high"));
        return answerf(r, "%d %d %d", type, low, high);
    }
    if (eq(path, "/big")) {
        size_t n = 4 << 20;
        char *bytes = po->alloc(rq->pool(r), n);
        memset(bytes, 'x', n);
        return bd->reply(r, 200, S("application/octet-stream"), (apus_str){bytes, n});
    }
    return APUS_DECLINED;
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    return on(host, "handler", APUS_MIDDLE, handler, NULL);
}

static const apus_module description = {BASICS("abi_reply_module"), .attach = attach};
EXPORT(description)
