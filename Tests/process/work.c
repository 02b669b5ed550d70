/* A module that does what the path of a request says, so that it can be seen in what is counted of it. It takes any name. */
#include <time.h>
#include <unistd.h>

#include "abi_test.h"

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void spin(int64_t milliseconds) {
    for (int64_t end = now() + milliseconds * 1000000; now() < end;) continue;
}

typedef struct wait {
    apus_req *r;
    apus_task task;
} wait;

static void late(void *ctx) {
    wait *its = ctx;
    spin(5);
    tk->resume(its->task, answerf(its->r, "late"));
}

static apus_status sleep_on_thread(void *ctx) {
    (void)ctx;
    usleep(30000);
    return APUS_E_FAIL;
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str path = rq->get(r, APUS_R_PATH);
    if (eq(path, "/spin")) spin(10);
    if (eq(path, "/hold")) spin(40);
    if (eq(path, "/memory")) po->alloc(rq->pool(r), 100000);
    if (eq(path, "/crash")) abort();
    if (eq(path, "/fails")) return APUS_E_FAIL;
    if (eq(path, "/refuses")) return 503;
    if (eq(path, "/denies")) return 403;
    if (eq(path, "/says")) return bd->reply(r, 500, S("text/plain"), S("no"));
    if (eq(path, "/filter")) fl->insert(r, APUS_OUTPUT, S("BROKEN"));
    if (eq(path, "/waits") || eq(path, "/blocks")) {
        wait *its = po->zalloc(rq->pool(r), sizeof *its);
        its->r = r;
        if (tk->suspend(r, NULL, NULL, &its->task) != APUS_OK) return APUS_E_FAIL;
        if (eq(path, "/waits")) tk->timer(rq->conn(r), 1000, late, its, NULL);
        else tk->run_blocking(its->task, sleep_on_thread, its);
        return APUS_SUSPENDED;
    }
    return answerf(r, "%d", (int)getpid());
}

static apus_status on_thread(void *ctx, apus_req *r) {
    (void)ctx;
    if (eq(rq->get(r, APUS_R_PATH), "/lent")) usleep(20000);
    return APUS_DECLINED;
}

static apus_status refuse(void *ctx, apus_filter *f, apus_chain *chain) {
    (void)ctx, (void)f, (void)chain;
    return APUS_E_FAIL;
}

static apus_status pass(void *ctx, apus_req *r) {
    (void)ctx, (void)r;
    return APUS_DECLINED;
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    apus_filter_reg filter = {.size = sizeof filter, .direction = APUS_OUTPUT, .stage = APUS_STAGE_CONTENT, .name = "BROKEN", .process = refuse};
    fl->add(host, &filter);
    on_flags(host, "fixups", APUS_MIDDLE, APUS_HOOK_MAY_BLOCK, on_thread, NULL);
    return on_flags(host, "handler", APUS_MIDDLE, APUS_HOOK_MAY_SUSPEND, handler, NULL);
}

static apus_status attach_idly(const apus_host *host, void **ctx) {
    (void)ctx;
    return on(host, "fixups", APUS_MIDDLE, pass, NULL);
}

static apus_module known[300];

APUS_EXPORT const apus_module *apus_module_entry(const apus_host *host, const char *name) {
    use(host);
    size_t i = 0;
    while (known[i].name && strcmp(known[i].name, name)) i++;
    if (i + 1 == sizeof known / sizeof known[0]) return NULL;
    known[i] = (apus_module){BASICS(strdup(name)), .attach = strcmp(name, "work_module") ? attach_idly : attach};
    return &known[i];
}
