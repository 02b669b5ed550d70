/* The servers of the configuration, the modules, and facts of the process. */
#include "abi_test.h"

static const apus_host *self;
static int64_t attach_worker = 99;

static void visit(void *arg, const apus_module_fact *module) {
    say(arg, "module %.*s %.*s %s %.*s\n", F(module->name), F(module->version), module->file.len ? "file" : "built-in",
        F(module->toolchain));
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str path = rq->get(r, APUS_R_PATH);
    out o = {0, ""};
    if (eq(path, "/servers")) {
        for (const apus_server *s = sv->first(self); s; s = sv->next(s)) {
            apus_str file = sv->get(s, APUS_S_DEFINED_IN);
            const char *base = file.len ? strrchr(copy(r, file), '/') : NULL;
            say(&o, "%lld|%.*s|%lld|%lld|%lld|%lld|%.*s|%.*s|%s\n", (long long)sv->number(s, APUS_S_INDEX),
                F(sv->get(s, APUS_S_NAME)), (long long)sv->number(s, APUS_S_PORT),
                (long long)sv->number(s, APUS_S_IS_VIRTUAL), (long long)sv->number(s, APUS_S_LINE),
                (long long)sv->number(s, APUS_S_TIMEOUT_US), F(sv->get(s, APUS_S_ADMIN)),
                F(sv->get(s, APUS_S_DOCUMENT_ROOT)), base ? base + 1 : "");
        }
    } else if (eq(path, "/modules")) {
        sv->each_module(self, visit, &o);
    } else if (eq(path, "/process")) {
        int64_t now = sv->process_number(self, APUS_P_NOW_US),
                clock = sv->process_number(self, APUS_P_CLOCK_US);
        say(&o,
            "root=%.*s\nversion=%.*s\nworker=%lld\nworkers=%lld\ngeneration=%lld\nnow=%lld\nclock=%d\nattach="
            "%lld\n",
            F(sv->process(self, APUS_P_SERVER_ROOT)), F(sv->process(self, APUS_P_VERSION)),
            (long long)sv->process_number(self, APUS_P_WORKER),
            (long long)sv->process_number(self, APUS_P_WORKERS),
            (long long)sv->process_number(self, APUS_P_GENERATION), (long long)now, clock >= now,
            (long long)attach_worker);
    } else if (eq(path, "/defined")) {
        say(&o, "%d %d", sv->is_defined(self, S("ABI_DEFINED")), sv->is_defined(self, S("ABI_ABSENT")));
    } else if (eq(path, "/mine")) {
        say(&o, "%.*s", F(sv->get(rq->server(r), APUS_S_NAME)));
    } else return APUS_DECLINED;
    return answer(r, &o);
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    attach_worker = sv->process_number(host, APUS_P_WORKER);
    return on(host, "handler", APUS_MIDDLE, handler, NULL);
}

static const apus_module description = {BASICS("abi_server_module"), .attach = attach};
EXPORT(description)
