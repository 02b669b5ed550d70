/* Three modules a, b and c in one file that each register every hook, and some whose registrations are
 * refused.
 *
 * Each call leaves "hook:module" in the response field X-Trace, or in the error log. The query makes a hook
 * answer something: "fixups.b=403". */
#include "abi_test.h"

typedef struct one {
    const char *hook, *module;
    const apus_host *host;
} one;

static one *make(const apus_host *host, const char *hook, const char *module) {
    one *its = malloc(sizeof *its);
    *its = (one){hook, module, host};
    return its;
}

/** What the query says about a hook of a module; APUS_DECLINED when nothing. */
static apus_status wanted(apus_req *r, const one *its) {
    char key[80];
    snprintf(key, sizeof key, "%s.%s=", its->hook, its->module);
    apus_str query = rq->get(r, APUS_R_QUERY);
    const char *found = query.len ? strstr(copy(r, query), key) : NULL;
    return found ? atoi(found + strlen(key)) : APUS_DECLINED;
}

static void trace(apus_req *r, const one *its) {
    char text[80];
    int n = snprintf(text, sizeof text, "%s:%s", its->hook, its->module);
    hd->merge(r, APUS_HEADERS_ERR, S("X-Trace"), (apus_str){text, (size_t)n});
}

static void note(const one *its, const char *extra) {
    char text[200];
    int n = snprintf(text, sizeof text, "trace %s:%s%s", its->hook, its->module, extra);
    lg->write(its->host, APUS_LOG_WARN, S(""), NULL, NULL, NULL, (apus_str){text, (size_t)n});
}

static apus_status phase(void *ctx, apus_req *r) {
    trace(r, ctx);
    return wanted(r, ctx);
}

static apus_status handler(void *ctx, apus_req *r) {
    const one *its = ctx;
    trace(r, its);
    apus_status status = wanted(r, its);
    if (status != APUS_DECLINED) return status == APUS_OK ? answerf(r, "%s", its->module) : status;
    if (strcmp(its->module, "c")) return APUS_DECLINED;
    if (eq(rq->get(r, APUS_R_PATH), "/redirect"))
        return sq->internal_redirect(r, S("/after")) == APUS_OK ? APUS_DONE : APUS_E_FAIL;
    return answerf(r, "end");
}

static void filters(void *ctx, apus_req *r) {
    trace(r, ctx);
}

static apus_status logged(void *ctx, apus_req *r) {
    char text[100];
    snprintf(text, sizeof text, " %lld", (long long)rq->number(r, APUS_R_STATUS));
    note(ctx, text);
    return wanted(r, ctx);
}

static apus_status page(void *ctx, apus_req *r, int32_t status) {
    trace(r, ctx);
    apus_status answer = wanted(r, ctx);
    if (answer != APUS_OK) return answer;
    char text[40];
    int n = snprintf(text, sizeof text, "page for %d", status);
    return bd->reply(r, status, S("text/plain"), (apus_str){text, (size_t)n});
}

static void plain(void *ctx) {
    note(ctx, "");
}
static apus_status checked(void *ctx) {
    note(ctx, "");
    return APUS_OK;
}
static apus_status opened(void *ctx, uint32_t reason, uint64_t generation) {
    char text[60];
    snprintf(text, sizeof text, " reason %u generation %llu", reason, (unsigned long long)generation);
    note(ctx, text);
    return APUS_OK;
}
static apus_status connected(void *ctx, apus_conn *c) {
    (void)c;
    note(ctx, "");
    return APUS_DECLINED;
}
static void disconnected(void *ctx, apus_conn *c) {
    (void)c;
    note(ctx, "");
}

static apus_status add(const apus_host *host, const char *hook, const char *signature, apus_fn fn,
                       const char *module) {
    static const char *const after_c[] = {"abi_hooks_c_module", "abi_absent_module", NULL};
    static const char *const before_a[] = {"abi_hooks_a_module", NULL};
    apus_hook_reg reg = {.size = sizeof reg,
                         .position = APUS_MIDDLE,
                         .hook = hook,
                         .signature = signature,
                         .fn = fn,
                         .ctx = make(host, hook, module)};
    if (!strcmp(hook, "fixups")) {
        if (*module == 'a') reg.position = APUS_LATE;
        if (*module == 'b') reg.after = after_c;
    }
    if (!strcmp(hook, "access_checker") && *module == 'c') reg.before = before_a;
    if (!strcmp(hook, "translate_name"))
        reg.position = *module == 'a' ? APUS_LAST : *module == 'b' ? APUS_EARLY : APUS_FIRST;
    return hk->add(host, &reg);
}

static apus_status initial(void *ctx, apus_req *r) {
    trace(r, ctx);
    return APUS_DECLINED;
}

static apus_status attach_all(const apus_host *host, const char *module) {
    static const char *const phases[] = {"post_read_request", "quick_handler", "translate_name",
                                         "map_to_storage",    "header_parser", "access_checker",
                                         "access_checker_ex", "check_user_id", "auth_checker",
                                         "type_checker",      "fixups"};
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++)
        add(host, phases[i], "i(xR)", (apus_fn)phase, module);
    add(host, "handler", "i(xR)", (apus_fn)handler, module);
    add(host, "insert_filter", "v(xR)", (apus_fn)filters, module);
    add(host, "log_transaction", "i(xR)", (apus_fn)logged, module);
    add(host, "error_page", "i(xRi)", (apus_fn)page, module);
    add(host, "optional_fn_retrieve", "v(x)", (apus_fn)plain, module);
    add(host, "child_init", "v(x)", (apus_fn)plain, module);
    add(host, "child_exit", "v(x)", (apus_fn)plain, module);
    add(host, "check_config", "i(x)", (apus_fn)checked, module);
    add(host, "open_config", "i(xuU)", (apus_fn)opened, module);
    add(host, "pre_connection", "i(xC)", (apus_fn)connected, module);
    add(host, "close_connection", "v(xC)", (apus_fn)disconnected, module);
    if (*module != 'a') return APUS_OK;
    return on_flags(host, "header_parser", APUS_FIRST, APUS_HOOK_INITIAL_ONLY, initial,
                    make(host, "initial", module));
}

static apus_status attach_a(const apus_host *host, void **ctx) {
    (void)ctx;
    return attach_all(host, "a");
}
static apus_status attach_b(const apus_host *host, void **ctx) {
    (void)ctx;
    return attach_all(host, "b");
}
static apus_status attach_c(const apus_host *host, void **ctx) {
    (void)ctx;
    return attach_all(host, "c");
}

static apus_status attach_hook(const apus_host *host, void **ctx) {
    (void)ctx;
    return on(host, "handlr", APUS_MIDDLE, handler, NULL);
}
static apus_status attach_flag(const apus_host *host, void **ctx) {
    (void)ctx;
    return on_flags(host, "handler", APUS_MIDDLE, 0x4000, handler, NULL);
}
static apus_status attach_signature(const apus_host *host, void **ctx) {
    (void)ctx;
    return on_any(host, "handler", "i(xC)", (apus_fn)handler, NULL);
}
static apus_status attach_edge(const apus_host *host, const char *other, int32_t position, int is_before) {
    const char *const list[] = {other, NULL};
    apus_hook_reg reg = {.size = sizeof reg,
                         .position = position,
                         .hook = "fixups",
                         .signature = "i(xR)",
                         .fn = (apus_fn)phase,
                         .ctx = make(host, "fixups", "x")};
    if (is_before) reg.before = list;
    else reg.after = list;
    return hk->add(host, &reg);
}
static apus_status attach_x(const apus_host *host, void **ctx) {
    (void)ctx;
    return attach_edge(host, "abi_hooks_y_module", APUS_MIDDLE, 0);
}
static apus_status attach_y(const apus_host *host, void **ctx) {
    (void)ctx;
    return attach_edge(host, "abi_hooks_x_module", APUS_MIDDLE, 0);
}
static apus_status attach_late(const apus_host *host, void **ctx) {
    (void)ctx;
    return attach_edge(host, "abi_hooks_b_module", APUS_LAST, 1);
}
static apus_status attach_fails(const apus_host *host, void **ctx) {
    (void)host, (void)ctx;
    return APUS_E_FAIL;
}

static const apus_module modules[] = {
    {BASICS("abi_hooks_a_module"), .attach = attach_a},
    {BASICS("abi_hooks_b_module"), .attach = attach_b},
    {BASICS("abi_hooks_c_module"), .attach = attach_c},
    {BASICS("abi_hooks_hook_module"), .attach = attach_hook},
    {BASICS("abi_hooks_flag_module"), .attach = attach_flag},
    {BASICS("abi_hooks_signature_module"), .attach = attach_signature},
    {BASICS("abi_hooks_x_module"), .attach = attach_x},
    {BASICS("abi_hooks_y_module"), .attach = attach_y},
    {BASICS("abi_hooks_late_module"), .attach = attach_late},
    {BASICS("abi_hooks_fails_module"), .attach = attach_fails},
};

EXPORT_ONE_OF(modules)
