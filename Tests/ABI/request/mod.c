/* What can be read and changed of a request, and its tables. */
#include "abi_test.h"

static const apus_host *self;

static void fields(out *o, apus_req *r) {
    static const char *const names[] = {"method",           "target",           "path",    "query",
                                        "protocol",         "scheme",           "host",    "request-line",
                                        "filename",         "path-info",        "handler", "content-type",
                                        "content-encoding", "content-language", "user",    "auth-type",
                                        "local-root",       "peer-address"};
    for (uint32_t i = 0; i < sizeof names / sizeof *names; i++) {
        apus_str value = rq->get(r, i);
        if (value.ptr) say(o, "%s=%.*s\n", names[i], F(value));
    }
}

static void numbers(out *o, apus_req *r) {
    static const char *const names[] = {
        "status",     "bytes-sent",       "wire-sent",     "wire-received", "time",      "port",
        "keepalives", "is-explain",       "is-subrequest", "header-only",   "file-type", "file-size",
        "file-mtime", "connection-state", "body-expected", "no-cache"};
    for (uint32_t i = 0; i < sizeof names / sizeof *names; i++)
        say(o, "%s=%lld\n", names[i], (long long)rq->number(r, APUS_R_STATUS + i));
}

/** Sets every string to one value and shows the answers, then what holds. */
static void sets(out *o, apus_req *r) {
    for (uint32_t i = 0; i <= 18; i++)
        say(o, "%d ", rq->set(r, i, S("/set")));
    say(o, "\n");
    for (uint32_t i = 0; i <= 18; i++)
        say(o, "%d ", eq(rq->get(r, i), "/set"));
    say(o, "\n%d %d %d ", rq->set_number(r, APUS_R_STATUS, 201), rq->set_number(r, APUS_R_STATUS, 99),
        rq->set_number(r, APUS_R_PORT, 1));
    say(o, "%d %d\n", rq->set_number(r, APUS_R_NO_CACHE, 1), rq->set_number(r, 99, 1));
    say(o, "%d %d\n", rq->set(r, APUS_R_CONTENT_TYPE, S("a\r\nb")),
        rq->set(r, APUS_R_CONTENT_LANGUAGE, S("a\0b")));
    rq->set_number(r, APUS_R_STATUS, 200);
    rq->set(r, APUS_R_CONTENT_ENCODING, S(""));
    rq->set(r, APUS_R_CONTENT_LANGUAGE, S(""));
}

static void show(out *o, apus_req *r, uint32_t table) {
    apus_str name, value;
    say(o, "[");
    for (uint32_t i = 0; i < hd->count(r, table); i++)
        if (hd->at(r, table, i, &name, &value) == APUS_OK)
            say(o, "%s%.*s=%.*s", i ? "; " : "", F(name), F(value));
    say(o, "]\n");
}

static void tables(out *o, apus_req *r, uint32_t t) {
    hd->clear(r, t);
    uint64_t before = hd->version(r, t);
    say(o, "%d ", hd->set(r, t, S("Abi-One"), S("1")));
    say(o, "%d ", hd->add(r, t, S("Abi-Two"), S("a")));
    say(o, "%d ", hd->add(r, t, S("abi-two"), S("b")));
    say(o, "%d\n", hd->add(r, t, S("Abi-Three"), S("3")));
    say(o, "changed %d ", hd->version(r, t) != before);
    before = hd->version(r, t);
    hd->get(r, t, S("Abi-One"), 0);
    say(o, "%d\n", hd->version(r, t) == before);
    show(o, r, t);
    apus_str nothing = hd->get(r, t, S("Abi-None"), 0), beyond = hd->get(r, t, S("Abi-One"), 1);
    say(o, "%.*s %.*s %d %d\n", F(hd->get(r, t, S("ABI-TWO"), 0)), F(hd->get(r, t, S("Abi-Two"), 1)),
        nothing.ptr == NULL, beyond.ptr == NULL);
    hd->merge(r, t, S("Abi-Two"), S("c"));
    hd->merge(r, t, S("Abi-Four"), S("4"));
    show(o, r, t);
    apus_str early = hd->get(r, t, S("Abi-One"), 0);
    hd->set(r, t, S("Abi-One"), S("changed"));
    hd->set(r, t, S("Abi-Two"), S("only"));
    show(o, r, t);
    say(o, "early %.*s\n", F(early));
    say(o, "%d ", hd->remove(r, t, S("abi-two")));
    say(o, "%d %u\n", hd->remove(r, t, S("Abi-Two")), hd->count(r, t));
    apus_str name, value;
    say(o, "%d\n", hd->at(r, t, 99, &name, &value));
    hd->set(r, t, S("Abi-Empty"), S(""));
    apus_str empty = hd->get(r, t, S("Abi-Empty"), 0);
    say(o, "empty %d %d\n", empty.ptr != NULL, (int)empty.len);
    hd->clear(r, t);
    show(o, r, t);
}

/** Bytes that no header field may hold, into each table; what each answers. */
static void bytes(out *o, apus_req *r) {
    static const char value_lf[] = "a\nb", value_nul[] = "a\0b";
    for (uint32_t t = 0; t <= 7; t++)
        say(o, "%d: %d %d %d %d %d\n", t, hd->set(r, t, S("Abi-V"), (apus_str){value_lf, 3}),
            hd->add(r, t, S("Abi-V"), (apus_str){value_nul, 3}), hd->merge(r, t, S("Abi V"), S("x")),
            hd->set(r, t, S(""), S("x")), hd->set(r, t, S("Abi-Ok"), S("caf\xc3\xa9")));
    hd->remove(r, APUS_HEADERS_OUT, S("Abi-Ok"));
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str path = rq->get(r, APUS_R_PATH), query = rq->get(r, APUS_R_QUERY);
    out o = {0, ""};
    if (starts(path, "/fields")) fields(&o, r);
    else if (eq(path, "/numbers")) numbers(&o, r);
    else if (eq(path, "/sets")) sets(&o, r);
    else if (eq(path, "/tables")) tables(&o, r, (uint32_t)atoi(copy(r, query)));
    else if (eq(path, "/bytes")) bytes(&o, r);
    else if (eq(path, "/in")) show(&o, r, APUS_HEADERS_IN);
    else if (eq(path, "/slot"))
        say(&o, "%s %d %d", (const char *)rq->slot(r, self), rq->main(r) == NULL, rq->previous(r) == NULL);
    else if (starts(path, "/own")) say(&o, "%d %d", rq->is_own_host(r, rq->get(r, APUS_R_QUERY), 8080), rq->is_own_host(r, rq->get(r, APUS_R_QUERY), 80));
    else if (starts(path, "/identity")) say(&o, "%llu", (unsigned long long)rq->conf_identity(r));
    else if (eq(path, "/case")) {
        hd->set(r, APUS_HEADERS_ENV, S("abi"), S("lower"));
        hd->set(r, APUS_HEADERS_ENV, S("ABI"), S("upper"));
        say(&o, "%.*s %.*s", F(hd->get(r, APUS_HEADERS_ENV, S("abi"), 0)),
            F(hd->get(r, APUS_HEADERS_ENV, S("ABI"), 0)));
    } else if (eq(path, "/out")) {
        hd->set(r, APUS_HEADERS_OUT, S("X-Out"), S("out"));
        hd->add(r, APUS_HEADERS_ERR, S("X-Err"), S("one"));
        hd->add(r, APUS_HEADERS_ERR, S("X-Err"), S("two"));
        if (query.len) return atoi(copy(r, query));
    } else if (eq(path, "/reason")) {
        say(&o, "%d ", rq->set(r, APUS_R_REASON, S("no\nreason")));
        say(&o, "%d ", rq->set(r, APUS_R_REASON, S("Fine")));
        say(&o, "%.*s ", F(rq->get(r, APUS_R_REASON)));
        if (query.len) return atoi(copy(r, query));
    } else if (eq(path, "/conditions")) {
        hd->set(r, APUS_HEADERS_OUT, S("ETag"), S("\"tag\""));
        hd->set(r, APUS_HEADERS_OUT, S("Last-Modified"), S("Tue, 14 Nov 2023 22:13:20 GMT"));
        apus_status verdict = rq->preconditions(r);
        if (verdict != APUS_OK) return verdict;
    } else return APUS_DECLINED;
    return answer(r, &o);
}

static apus_status slots(void *ctx, apus_req *r) {
    (void)ctx;
    if (rq->slot(r, self)) return 500;
    rq->set_slot(r, self, "kept");
    return APUS_DECLINED;
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    on(host, "post_read_request", APUS_MIDDLE, slots, NULL);
    return on(host, "handler", APUS_MIDDLE, handler, NULL);
}

static const apus_module description = {BASICS("abi_request_module"), .attach = attach};
EXPORT(description)
