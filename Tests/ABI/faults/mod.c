/* A module that faults where it is told to: in a hook, on the blocking pool, or while the server starts. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi_test.h"

static const apus_host *self;
static char when[32];

__attribute__((noinline)) static void fault_here(void) {
    *(volatile int *)8 = 1;
}

static void fault(const char *moment) {
    if (strcmp(when, moment) == 0) fault_here();
}

static void *idle(void *ctx) {
    for (;;) pause();
    return ctx;
}

static apus_status set_when(void *ctx, const apus_cmd *cmd, void *conf, const apus_str *argv, uint32_t argc) {
    (void)ctx, (void)cmd, (void)conf, (void)argc;
    snprintf(when, sizeof when, "%.*s", F(argv[0]));
    fault("directive");
    if (strcmp(when, "quit") == 0) exit(0);
    return APUS_OK;
}

static apus_status open_config(void *ctx, uint32_t reason, uint64_t generation) {
    (void)ctx, (void)generation;
    if (reason == APUS_OPEN_CHECK) return APUS_OK;
    fault("open");
    if (strcmp(when, "hang") == 0) pause();
    if (strcmp(when, "exit") == 0) _exit(3);
    if (strcmp(when, "thread") == 0) {
        pthread_t id;
        pthread_create(&id, NULL, idle, NULL);
    }
    return strcmp(when, "refuse") == 0 ? APUS_E_FAIL : APUS_OK;
}

static void child_init(void *ctx) {
    (void)ctx;
    fault("init");
}

static void child_exit(void *ctx) {
    (void)ctx;
    fault("leave");
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str path = rq->get(r, APUS_R_PATH);
    if (starts(path, "/fault")) fault_here();
    if (eq(path, "/abort")) abort();
    if (eq(path, "/hang"))
        for (volatile int turns = 0;; turns++) continue;
    if (eq(path, "/hold")) usleep(200000);
    if (eq(path, "/leave")) _exit(9);
    if (eq(path, "/quit")) exit(0);
    if (eq(path, "/child")) {
        pid_t child = fork();
        if (child == 0) fault_here();
        waitpid(child, NULL, 0);
    }
    return answerf(r, "%d", (int)getpid());
}

static apus_status on_pool(void *ctx, apus_req *r) {
    (void)ctx;
    if (eq(rq->get(r, APUS_R_PATH), "/pool")) fault_here();
    return APUS_DECLINED;
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    on_any(host, "open_config", "i(xuU)", (apus_fn)open_config, NULL);
    on_any(host, "child_init", "v(x)", (apus_fn)child_init, NULL);
    on_any(host, "child_exit", "v(x)", (apus_fn)child_exit, NULL);
    on_flags(host, "fixups", APUS_MIDDLE, APUS_HOOK_MAY_BLOCK, on_pool, NULL);
    return on(host, "handler", APUS_MIDDLE, handler, NULL);
}

static const apus_directive rows[] = {
    {.name = "AbiFault", .min_args = 1, .max_args = 1, .where = APUS_IN_GLOBAL, .handle = set_when, .help = "when"},
};
static const apus_module description = {BASICS("abi_faults_module"), ROWS(rows), .attach = attach};
EXPORT(description)
