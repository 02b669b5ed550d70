/* Regular expressions: compiled, matched and substituted. The query is the flags, fields hold the rest. */
#include "abi_test.h"

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str subject = hd->get(r, APUS_HEADERS_IN, S("X-Subject"), 0),
             pattern = hd->get(r, APUS_HEADERS_IN, S("X-Pattern"), 0);
    apus_str replacement = hd->get(r, APUS_HEADERS_IN, S("X-Replacement"), 0);
    apus_str flags = rq->get(r, APUS_R_QUERY);
    apus_regex *regex = NULL;
    apus_str error = {NULL, 0};
    out o = {0, ""};
    apus_status status =
        rx->compile(rq->pool(r), pattern, flags.len ? (uint32_t)atoi(copy(r, flags)) : 0, &regex, &error);
    say(&o, "compile %d %s\n", status, error.len ? "with a reason" : "");
    if (status != APUS_OK) return answer(r, &o);
    int64_t spans[8];
    say(&o, "groups %u\n", rx->groups(regex));
    status = rx->match(regex, subject, spans, 4);
    say(&o, "match %d", status);
    if (status == APUS_OK)
        for (int i = 0; i < 4; i++)
            say(&o, " %lld-%lld", (long long)spans[2 * i], (long long)spans[2 * i + 1]);
    say(&o, "\nmatch %d\n", rx->match(regex, subject, NULL, 0));
    if (status == APUS_OK && replacement.ptr) {
        apus_str made = rx->substitute(rq->pool(r), replacement, subject, spans, 4);
        say(&o, "made %.*s\n", F(made));
    }
    return answer(r, &o);
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    return on(host, "handler", APUS_MIDDLE, handler, NULL);
}

static const apus_module description = {BASICS("abi_regex_module"), .attach = attach};
EXPORT(description)
