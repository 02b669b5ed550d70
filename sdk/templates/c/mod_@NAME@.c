/* mod_@NAME@: answers with a greeting that a directive sets. */
#include <apus/all.h>
#include <string.h>

static const apus_host *host;
static const apus_pool_v1 *pools;
static const apus_config_v1 *config;
static const apus_request_v1 *request;
static const apus_body_v1 *body;

#define TEXT(literal) ((apus_str){literal, sizeof(literal) - 1})

static int equal(apus_str a, apus_str b) { return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0); }

/* ---- configuration: one of these for each server and section that says something */

struct settings {
    apus_str greeting; /* ptr NULL: not said here */
};

static void *make(void *ctx, apus_pool *pool, const apus_scope *scope) {
    return pools->zalloc(pool, sizeof(struct settings));
}

static void *merge(void *ctx, apus_pool *pool, const void *base, const void *over) {
    const struct settings *outer = base, *inner = over;
    struct settings *both = pools->zalloc(pool, sizeof *both);
    if (both) both->greeting = inner->greeting.ptr ? inner->greeting : outer->greeting;
    return both;
}

/* @Name@Greeting TEXT */
static apus_status set_greeting(void *ctx, const apus_cmd *cmd, void *conf, const apus_str *argv, uint32_t argc) {
    struct settings *settings = conf;
    if (argv[0].len == 0) return config->fail(cmd, TEXT("the greeting is empty"));
    settings->greeting = pools->dup(config->pool(cmd), argv[0]); /* argv lives during the call only */
    return settings->greeting.ptr ? APUS_OK : APUS_E_NOMEM;
}

static const apus_directive directives[] = {{
    .name = "@Name@Greeting", .min_args = 1, .max_args = 1, .where = APUS_IN_ANY, .override_class = APUS_OVERRIDE_FILEINFO,
    .flags = APUS_DIRECTIVE_DIR_CONF, .handle = set_greeting, .help = "what the answer begins with",
}};

/* ---- hooks */

static apus_status handle(void *ctx, apus_req *r) {
    if (!equal(request->get(r, APUS_R_HANDLER), TEXT("@NAME@"))) return APUS_DECLINED;
    apus_str method = request->get(r, APUS_R_METHOD);
    if (!equal(method, TEXT("GET")) && !equal(method, TEXT("HEAD"))) return 405;
    const struct settings *settings = request->dir_conf(r, host);
    apus_str greeting = settings->greeting.ptr ? settings->greeting : TEXT("Hello");
    apus_str rest = TEXT(" from @NAME@\n");
    char *text = pools->alloc(request->pool(r), greeting.len + rest.len);
    if (!text) return APUS_E_NOMEM;
    memcpy(text, greeting.ptr, greeting.len);
    memcpy(text + greeting.len, rest.ptr, rest.len);
    return body->reply(r, 200, TEXT("text/plain; charset=utf-8"), (apus_str){text, greeting.len + rest.len});
}

static apus_status attach(const apus_host *h, void **ctx) {
    host = h;
    pools = h->extension(h, APUS_EXT_POOL);
    config = h->extension(h, APUS_EXT_CONFIG);
    request = h->extension(h, APUS_EXT_REQUEST);
    body = h->extension(h, APUS_EXT_BODY);
    const apus_hooks_v1 *hooks = h->extension(h, APUS_EXT_HOOKS);
    const apus_hook_reg reg = {
        .size = sizeof reg, .position = APUS_MIDDLE, .hook = "handler", .signature = "i(xR)", .fn = (apus_fn)handle,
    };
    return hooks->add(h, &reg);
}

/* ---- what the host reads first */

static const char *const needs[] = {APUS_EXT_POOL, APUS_EXT_CONFIG, APUS_EXT_REQUEST, APUS_EXT_BODY, APUS_EXT_HOOKS, NULL};

static const apus_module module = {
    .size = sizeof module, .abi_major = APUS_ABI_MAJOR, .abi_minor_min = APUS_ABI_MINOR,
    .n_directives = 1, .directive_stride = sizeof directives[0], .directives = directives,
    .name = "@NAME@_module", .version = "0.1", .toolchain = "c", .requires_ids = needs,
    .dir_conf = &(const apus_conf_ops){.size = sizeof(apus_conf_ops), .create = make, .merge = merge},
    .attach = attach,
};

APUS_EXPORT const apus_module *apus_module_entry(const apus_host *h, const char *name) {
    return *name == '\0' || strcmp(name, module.name) == 0 ? &module : NULL;
}
