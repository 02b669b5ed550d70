/* Bodies read and written as chains. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi_test.h"

static const apus_host *self;

static apus_status echo(apus_req *r, collector *c, apus_status status) {
    if (status != APUS_OK) return status;
    rq->set_number(r, APUS_R_STATUS, 200);
    rq->set(r, APUS_R_CONTENT_TYPE, S("application/octet-stream"));
    bd->append_mark(c->chain, APUS_SEG_END);
    bd->write(r, c->chain);
    return APUS_OK;
}

/** The number of bytes, their sum, and the largest piece. */
typedef struct count {
    uint64_t bytes, sum, largest;
    apus_task task;
} count;

static apus_status count_on(apus_req *r, count *its) {
    apus_chain *chain = bd->chain(rq->pool(r));
    for (;;) {
        apus_status status = bd->read(r, 65536, chain);
        if (status != APUS_OK) return status;
        if ((uint64_t)bd->length(chain) > its->largest) its->largest = (uint64_t)bd->length(chain);
        apus_segment first = {.size = sizeof first};
        while (bd->peek(chain, &first) == APUS_OK) {
            if (first.kind == APUS_SEG_END) return APUS_OK;
            its->bytes += first.data.len;
            for (size_t i = 0; i < first.data.len; i++)
                its->sum += (unsigned char)first.data.ptr[i];
            bd->drop(chain, first.data.len);
        }
    }
}

static apus_status counted(apus_req *r, count *its, apus_status status) {
    if (status != APUS_OK) return status;
    return answerf(r, "%llu %llu %llu", (unsigned long long)its->bytes, (unsigned long long)its->sum,
                   (unsigned long long)its->largest);
}

static void count_again(void *ctx, apus_req *r) {
    count *its = ctx;
    apus_status status = count_on(r, its);
    if (status == APUS_AGAIN) bd->when(r, APUS_WANT_READ, count_again, its);
    else tk->resume(its->task, counted(r, its, status));
}

static apus_status count_body(apus_req *r) {
    count *its = po->zalloc(rq->pool(r), sizeof *its);
    apus_status status = count_on(r, its);
    if (status != APUS_AGAIN) return counted(r, its, status);
    if (tk->suspend(r, NULL, NULL, &its->task) != APUS_OK) return APUS_E_FAIL;
    bd->when(r, APUS_WANT_READ, count_again, its);
    return APUS_SUSPENDED;
}

/** A long answer made piece by piece, as fast as the client takes it. */
typedef struct stream {
    int left, waits;
    apus_task task;
    char piece[65536];
} stream;

static apus_status stream_on(apus_req *r, stream *its) {
    while (its->left > 0) {
        apus_chain *chain = bd->chain(rq->pool(r));
        memset(its->piece, 'a' + its->left % 26, sizeof its->piece);
        bd->append_copy(chain, (apus_str){its->piece, sizeof its->piece});
        its->left--;
        apus_status status = bd->write(r, chain);
        if (bd->length(chain) != 0) return APUS_E_FAIL;
        if (status == APUS_AGAIN) its->waits++;
        if (status != APUS_OK) return status;
    }
    apus_chain *chain = bd->chain(rq->pool(r));
    char text[40];
    int n = snprintf(text, sizeof text, "%s", its->waits ? "waited" : "at once");
    hd->set(r, APUS_HEADERS_TRAILERS_OUT, S("X-Waits"), (apus_str){text, (size_t)n});
    bd->append_mark(chain, APUS_SEG_END);
    return bd->write(r, chain) < 0 ? APUS_E_CLOSED : APUS_OK;
}

static void stream_again(void *ctx, apus_req *r) {
    stream *its = ctx;
    apus_status status = stream_on(r, its);
    if (status == APUS_AGAIN) bd->when(r, APUS_WANT_WRITE, stream_again, its);
    else tk->resume(its->task, status);
}

static apus_status streamed(apus_req *r, int pieces) {
    stream *its = po->zalloc(rq->pool(r), sizeof *its);
    its->left = pieces;
    rq->set(r, APUS_R_CONTENT_TYPE, S("text/plain"));
    apus_status status = stream_on(r, its);
    if (status != APUS_AGAIN) return status;
    if (tk->suspend(r, NULL, NULL, &its->task) != APUS_OK) return APUS_E_FAIL;
    bd->when(r, APUS_WANT_WRITE, stream_again, its);
    return APUS_SUSPENDED;
}

static void released(void *ctx) {
    (void)ctx;
    lg->write(self, APUS_LOG_WARN, S(""), NULL, NULL, NULL, S("released"));
}

static apus_status pieces(apus_req *r) {
    apus_chain *chain = bd->chain(rq->pool(r));
    rq->set(r, APUS_R_CONTENT_TYPE, S("text/plain"));
    bd->append_copy(chain, S("one "));
    bd->append_borrowed(chain, S("two "), released, NULL);
    bd->append_mark(chain, APUS_SEG_FLUSH);
    bd->append_copy(chain, S("three"));
    bd->append_mark(chain, APUS_SEG_END);
    return bd->write(r, chain) < 0 ? APUS_E_FAIL : APUS_OK;
}

static apus_status file_part(apus_req *r, int owned) {
    char path[512];
    snprintf(path, sizeof path, "%.*s/data.bin", F(sv->get(rq->server(r), APUS_S_DOCUMENT_ROOT)));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 404;
    apus_chain *chain = bd->chain(rq->pool(r));
    rq->set(r, APUS_R_CONTENT_TYPE, S("application/octet-stream"));
    bd->append_copy(chain, S("<"));
    bd->append_file(chain, fd, 100, 1000, owned);
    bd->append_file(chain, owned ? dup(fd) : fd, 5000, 3, owned);
    bd->append_copy(chain, S(">"));
    bd->append_mark(chain, APUS_SEG_END);
    apus_status status = bd->write(r, chain);
    return status < 0 ? status : APUS_OK;
}

static void show(out *o, apus_chain *chain) {
    apus_segment first = {.size = sizeof first};
    say(o, "%lld:", (long long)bd->length(chain));
    for (int i = 0; i < 9 && bd->peek(chain, &first) == APUS_OK; i++) {
        if (first.kind == APUS_SEG_DATA) say(o, "[%.*s]", F(first.data));
        else
            say(o, "[%s]",
                first.kind == APUS_SEG_END     ? "END"
                : first.kind == APUS_SEG_FLUSH ? "FLUSH"
                                               : "FILE");
        bd->drop(chain, SIZE_MAX);
    }
    say(o, "\n");
}

static apus_status chains(apus_req *r) {
    out o = {0, ""};
    apus_chain *a = bd->chain(rq->pool(r)), *b = bd->chain(rq->pool(r));
    apus_segment first = {.size = sizeof first}, small = {.size = 8};
    say(&o, "empty %d\n", bd->peek(a, &first));
    bd->append_copy(a, S("abcdef"));
    bd->append_mark(a, APUS_SEG_FLUSH);
    bd->append_copy(a, S("ghi"));
    bd->append_mark(a, APUS_SEG_END);
    say(&o, "bad %d %d\n", bd->append_mark(a, 9), bd->peek(a, &small));
    bd->drop(a, 2);
    bd->move(b, a, 3);
    show(&o, b);
    bd->move(b, a, 2);
    show(&o, b);
    bd->move(b, a, SIZE_MAX);
    show(&o, b);
    show(&o, a);
    return answer(r, &o);
}

static apus_status trailers(apus_req *r, collector *c, apus_status status) {
    if (status != APUS_OK) return status;
    apus_str one = hd->get(r, APUS_HEADERS_TRAILERS_IN, S("X-Sum"), 0);
    apus_chain *chain = bd->chain(rq->pool(r));
    rq->set(r, APUS_R_CONTENT_TYPE, S("text/plain"));
    hd->set(r, APUS_HEADERS_TRAILERS_OUT, S("X-Got"), one.ptr ? one : S("none"));
    bd->append_copy(chain, S("body "));
    bd->write(r, chain);
    bd->move(chain, c->chain, (size_t)bd->length(c->chain));
    bd->append_mark(chain, APUS_SEG_FLUSH);
    bd->append_mark(chain, APUS_SEG_END);
    bd->write(r, chain);
    return APUS_OK;
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str path = rq->get(r, APUS_R_PATH);
    apus_str query = rq->get(r, APUS_R_QUERY);
    int number = query.len ? atoi(copy(r, query)) : 0;
    if (eq(path, "/echo")) return collect(r, 4096, echo, NULL);
    if (eq(path, "/count")) return count_body(r);
    if (eq(path, "/stream")) return streamed(r, number);
    if (eq(path, "/pieces")) return pieces(r);
    if (eq(path, "/file")) return file_part(r, 1);
    if (eq(path, "/chains")) return chains(r);
    if (eq(path, "/trailers")) return collect(r, 65536, trailers, NULL);
    if (eq(path, "/expected")) return answerf(r, "%d", (int)rq->number(r, APUS_R_BODY_EXPECTED));
    return APUS_DECLINED;
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    return on_flags(host, "handler", APUS_MIDDLE, APUS_HOOK_MAY_SUSPEND, handler, NULL);
}

static const apus_module description = {BASICS("abi_body_module"), .attach = attach};
EXPORT(description)
