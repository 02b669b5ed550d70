/* Waiting without holding a thread, in every way there is. The part "lent" waits on a thread of the pool. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "abi_test.h"

static const apus_host *self;

/** One waiting request; freed never, so that late callbacks stay harmless. */
typedef struct wait {
    apus_req *r;
    apus_task task;
    apus_token token;
    int fd, number, calls;
    const char *text;
} wait;

static void note(const char *format, int a, int b) {
    char text[100];
    int n = snprintf(text, sizeof text, format, a, b);
    lg->write(self, APUS_LOG_WARN, S(""), NULL, NULL, NULL, (apus_str){text, (size_t)n});
}

static void cancelled(void *ctx) {
    note("cancelled %d", ((wait *)ctx)->number, 0);
}

static wait *begin(apus_req *r, int number) {
    wait *its = calloc(1, sizeof *its);
    its->r = r;
    its->number = number;
    its->token = cn->token(rq->conn(r));
    if (tk->suspend(r, cancelled, its, &its->task) != APUS_OK) abort();
    return its;
}

/** Answers on the loop and lets the request go on. */
static void finish(void *ctx) {
    wait *its = ctx;
    tk->resume(its->task, answerf(its->r, "%s %d", its->text, its->number));
}

static void twice(void *ctx) {
    wait *its = ctx;
    apus_status first = tk->resume(its->task, answerf(its->r, "twice"));
    note("resumed %d %d", first, tk->resume(its->task, APUS_OK));
}

static void late(void *ctx) {
    note("late %d %d", tk->resume(((wait *)ctx)->task, APUS_OK), 0);
}

static void wrong(void *ctx) {
    tk->resume(((wait *)ctx)->task, 500);
}

static void *thread(void *ctx) {
    wait *its = ctx;
    usleep(20000);
    tk->resume(its->task, its->number);
    return NULL;
}

static void posted(void *ctx, apus_conn *c) {
    wait *its = ctx;
    its->text = c && cn->token(c) == its->token ? "posted" : "posted to nobody";
    finish(its);
}

static void *poster(void *ctx) {
    wait *its = ctx;
    usleep(10000);
    tk->post(its->token, posted, its);
    return NULL;
}

static void ready(void *ctx, uint32_t events) {
    wait *its = ctx;
    uint64_t n = 0;
    if (read(its->fd, &n, sizeof n) == sizeof n) its->number += (int)n;
    if (++its->calls < 2) return;
    tk->unwatch(its->fd);
    close(its->fd);
    its->text = events & APUS_FD_READ ? "watched" : "woken for nothing";
    finish(its);
}

static void *writer(void *ctx) {
    int fd = ((wait *)ctx)->fd;
    uint64_t one = 1;
    for (int i = 0; i < 2; i++) {
        usleep(20000);
        if (write(fd, &one, sizeof one) < 0) break;
    }
    return NULL;
}

static void start(void *(*fn)(void *), void *ctx) {
    pthread_t id;
    if (pthread_create(&id, NULL, fn, ctx) == 0) pthread_detach(id);
}

static apus_status slow(void *ctx) {
    usleep(30000);
    ((wait *)ctx)->text = "blocked";
    return APUS_DECLINED;
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str path = rq->get(r, APUS_R_PATH), query = rq->get(r, APUS_R_QUERY);
    int number = query.len ? atoi(copy(r, query)) : 0;
    uint64_t id = 0;
    if (eq(path, "/now")) return answerf(r, "now");
    if (eq(path, "/none")) return APUS_SUSPENDED;
    if (eq(path, "/after")) {
        wait *its = rq->slot(r, self);
        return answerf(r, "after %s", its && its->text ? its->text : "nothing");
    }
    wait *its = begin(r, number);
    if (eq(path, "/timer")) {
        its->text = "timer";
        tk->timer(rq->conn(r), (uint64_t)number, finish, its, &id);
    } else if (eq(path, "/twice")) {
        tk->timer(rq->conn(r), 1000, twice, its, NULL);
    } else if (eq(path, "/early")) {
        its->text = "early";
        finish(its);
    } else if (eq(path, "/unused")) {
        tk->timer(NULL, 100000, late, its, NULL);
        return answerf(r, "unused");
    } else if (eq(path, "/thread")) {
        start(thread, its);
    } else if (eq(path, "/post")) {
        start(poster, its);
    } else if (eq(path, "/post-loop")) {
        its->token = 0;
        start(poster, its);
    } else if (eq(path, "/post-later")) {
        its->token = 0;
        if (tk->post(0, posted, its) != APUS_OK) return APUS_E_FAIL;
    } else if (eq(path, "/watch")) {
        its->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (tk->watch(its->fd, APUS_FD_READ, ready, its) != APUS_OK) return APUS_E_FAIL;
        start(writer, its);
    } else if (eq(path, "/cancelled-timer")) {
        its->text = "not cancelled by the other";
        tk->timer(rq->conn(r), 10000, wrong, its, &id);
        tk->cancel_timer(id);
        tk->timer(rq->conn(r), 60000, finish, its, &id);
    } else if (eq(path, "/never")) {
        if (number) tk->timer(NULL, (uint64_t)number * 1000, late, its, NULL);
    } else {
        return APUS_DECLINED;
    }
    return APUS_SUSPENDED;
}

/** Waits for a pool thread before the handler. */
static apus_status fixups(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r) || !eq(rq->get(r, APUS_R_PATH), "/after")) return APUS_DECLINED;
    wait *its = begin(r, 0);
    rq->set_slot(r, self, its);
    if (tk->run_blocking(its->task, slow, its) != APUS_OK) return APUS_E_FAIL;
    return APUS_SUSPENDED;
}

/** Registered without MAY_SUSPEND. */
static apus_status unable(void *ctx, apus_req *r) {
    (void)ctx;
    if (!eq(rq->get(r, APUS_R_PATH), "/unable")) return APUS_DECLINED;
    apus_task task = 0;
    return answerf(r, "%d", tk->suspend(r, NULL, NULL, &task));
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    on(host, "handler", APUS_EARLY, unable, NULL);
    on_flags(host, "fixups", APUS_MIDDLE, APUS_HOOK_MAY_SUSPEND, fixups, NULL);
    return on_flags(host, "handler", APUS_MIDDLE, APUS_HOOK_MAY_SUSPEND, handler, NULL);
}

/** Runs on a thread that may block. */
static apus_status lent(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str path = rq->get(r, APUS_R_PATH), query = rq->get(r, APUS_R_QUERY);
    if (eq(path, "/thread")) return answerf(r, "%s", getpid() == gettid() ? "loop" : "pool");
    if (eq(path, "/sleep")) {
        usleep((useconds_t)atoi(copy(r, query)));
        return answerf(r, "slept");
    }
    if (eq(path, "/refuse")) return 403;
    if (!eq(path, "/echo")) return APUS_DECLINED;
    apus_chain *body = bd->chain(rq->pool(r));
    for (;;) {
        apus_status status = bd->read(r, 10000, body);
        if (status != APUS_OK) return status == APUS_AGAIN ? APUS_E_FAIL : status;
        apus_chain *part = bd->chain(rq->pool(r));
        int over = 0;
        apus_segment first = {.size = sizeof first};
        while (bd->peek(body, &first) == APUS_OK) {
            if (first.kind == APUS_SEG_END) over = 1;
            else bd->append_copy(part, first.data);
            bd->drop(body, (size_t)first.length);
        }
        if (over) bd->append_mark(part, APUS_SEG_END);
        if ((status = bd->write(r, part)) < 0) return status;
        if (over) return APUS_OK;
    }
}

static apus_status attach_lent(const apus_host *host, void **ctx) {
    (void)ctx;
    return on_flags(host, "handler", APUS_MIDDLE, APUS_HOOK_MAY_BLOCK, lent, NULL);
}

static const apus_module modules[] = {
    {BASICS("abi_tasks_module"), .attach = attach},
    {BASICS("abi_tasks_lent_module"), .attach = attach_lent},
};
EXPORT_ONE_OF(modules)
