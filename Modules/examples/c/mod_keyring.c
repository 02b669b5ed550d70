/* mod_keyring: who knows passwords (group authn/1), and what `Require initial …` asks (group authz/1).
 *
 *   KeyringUser alice wonderland
 *   <Location "/private">
 *       AuthType Basic
 *       AuthName keys
 *       AuthBasicProvider keyring
 *       Require initial abc
 *   </Location>
 */
#include <apus/all.h>
#include <string.h>

static const apus_host *host;
static const apus_pool_v1 *pools;
static const apus_config_v1 *config;
static const apus_request_v1 *request;

#define TEXT(literal) ((apus_str){literal, sizeof(literal) - 1})

/* ---- configuration of a server: its own users first, then those around it */

struct user {
    apus_str name, password;
    const struct user *next;
};

struct keyring {
    const struct user *users;
};

static void *make(void *ctx, apus_pool *pool, const apus_scope *scope) { return pools->zalloc(pool, sizeof(struct keyring)); }

static void *merge(void *ctx, apus_pool *pool, const void *base, const void *over) {
    struct keyring *both = pools->zalloc(pool, sizeof *both);
    if (!both) return NULL;
    both->users = ((const struct keyring *)base)->users;
    for (const struct user *own = ((const struct keyring *)over)->users; own; own = own->next) {
        struct user *copy = pools->alloc(pool, sizeof *copy);
        if (!copy) return NULL;
        *copy = *own;
        copy->next = both->users;
        both->users = copy;
    }
    return both;
}

static apus_status add_user(void *ctx, const apus_cmd *cmd, void *conf, const apus_str *argv, uint32_t argc) {
    struct keyring *keyring = conf;
    if (argv[0].len == 0) return config->fail(cmd, TEXT("the name is empty"));
    if (memchr(argv[0].ptr, ':', argv[0].len)) return config->fail(cmd, TEXT("a name has no colon: it ends there in the field Authorization"));
    struct user *user = pools->alloc(config->pool(cmd), sizeof *user);
    if (!user) return config->fail(cmd, TEXT("no memory"));
    *user = (struct user){pools->dup(config->pool(cmd), argv[0]), pools->dup(config->pool(cmd), argv[1]), keyring->users};
    keyring->users = user;
    return APUS_OK;
}

static const apus_directive directives[] = {{
    .name = "KeyringUser", .min_args = 2, .max_args = 2, .where = APUS_IN_SERVER, .flags = APUS_DIRECTIVE_SECRET,
    .handle = add_user, .help = "a name and a password",
}};

/* ---- providers */

/* Takes as long for a wrong byte at the begin as for one at the end. */
static int same(apus_str a, apus_str b) {
    unsigned char differs = a.len != b.len;
    for (size_t i = 0; i < a.len; i++) differs |= (unsigned char)(a.ptr[i] ^ (b.len ? b.ptr[i % b.len] : 1));
    return !differs;
}

static apus_status check_password(void *ctx, apus_req *r, apus_str user, apus_str password, apus_work *work) {
    const struct keyring *keyring = request->server_conf(r, host);
    for (const struct user *known = keyring->users; known; known = known->next)
        if (user.len == known->name.len && memcmp(user.ptr, known->name.ptr, user.len) == 0)
            return same(password, known->password) ? APUS_AUTHN_GRANTED : APUS_AUTHN_DENIED;
    return APUS_AUTHN_NOT_FOUND;
}

static apus_status parse_initial(void *ctx, const apus_cmd *cmd, apus_str arguments, void **parsed) {
    if (arguments.len == 0) return config->fail(cmd, TEXT("Require initial needs letters"));
    apus_str *letters = pools->alloc(config->pool(cmd), sizeof *letters);
    if (!letters) return config->fail(cmd, TEXT("no memory"));
    *letters = pools->dup(config->pool(cmd), arguments);
    *parsed = letters;
    return APUS_OK;
}

static apus_status check_initial(void *ctx, apus_req *r, void *parsed) {
    const apus_str *letters = parsed;
    apus_str user = request->get(r, APUS_R_USER);
    if (user.len == 0) return APUS_AUTHZ_NEEDS_USER;
    return memchr(letters->ptr, user.ptr[0], letters->len) ? APUS_AUTHZ_GRANTED : APUS_AUTHZ_DENIED;
}

static const apus_authn_v1 keyring = {.size = sizeof keyring, .check_password = check_password};
static const apus_authz_v1 initial = {.size = sizeof initial, .parse = parse_initial, .check = check_initial};

static apus_status attach(const apus_host *h, void **ctx) {
    host = h;
    pools = h->extension(h, APUS_EXT_POOL);
    config = h->extension(h, APUS_EXT_CONFIG);
    request = h->extension(h, APUS_EXT_REQUEST);
    const apus_providers_v1 *providers = h->extension(h, APUS_EXT_PROVIDERS);
    apus_status status = providers->provide(h, APUS_GROUP_AUTHN, TEXT("keyring"), &keyring, NULL);
    return status < 0 ? status : providers->provide(h, APUS_GROUP_AUTHZ, TEXT("initial"), &initial, NULL);
}

static const char *const needs[] = {APUS_EXT_POOL, APUS_EXT_CONFIG, APUS_EXT_REQUEST, APUS_EXT_PROVIDERS, NULL};

static const apus_module module = {
    .size = sizeof module, .abi_major = APUS_ABI_MAJOR, .abi_minor_min = APUS_ABI_MINOR,
    .n_directives = 1, .directive_stride = sizeof directives[0], .directives = directives,
    .name = "keyring_module", .version = "1.0", .toolchain = "c", .requires_ids = needs,
    .server_conf = &(const apus_conf_ops){.size = sizeof(apus_conf_ops), .create = make, .merge = merge},
    .attach = attach,
};

APUS_EXPORT const apus_module *apus_module_entry(const apus_host *h, const char *name) {
    return *name == '\0' || strcmp(name, module.name) == 0 ? &module : NULL;
}
