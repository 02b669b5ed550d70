/* Who may enter: a provider of users, a requirement, an AuthType and a section of settings, each of which may take its time. */
#include "abi_test.h"

static const apus_host *self;
static const apus_confset_v1 *cs;

/* ---- settings, and a set of them that holds when asked for */

struct conf {
    apus_str word;
};

static apus_confset *set;

static void *make(void *ctx, apus_pool *pool, const apus_scope *scope) {
    (void)ctx, (void)scope;
    return po->zalloc(pool, sizeof(struct conf));
}

static void *merge(void *ctx, apus_pool *pool, const void *base, const void *over) {
    (void)ctx;
    const struct conf *outer = base, *inner = over;
    struct conf *both = po->zalloc(pool, sizeof *both);
    both->word = inner->word.ptr ? inner->word : outer->word;
    return both;
}

static apus_status set_word(void *ctx, const apus_cmd *cmd, void *conf, const apus_str *argv, uint32_t argc) {
    (void)ctx, (void)argc;
    ((struct conf *)conf)->word = po->dup(cf->pool(cmd), argv[0]);
    return APUS_OK;
}

static apus_status set_section(void *ctx, const apus_cmd *cmd, void *conf, const apus_str *argv, uint32_t argc) {
    (void)ctx, (void)conf, (void)argv, (void)argc;
    return cs->walk(cmd, &set);
}

static const apus_directive rows[] = {
    {.name = "AbiWord", .min_args = 1, .max_args = 1, .where = APUS_IN_ANY, .flags = APUS_DIRECTIVE_DIR_CONF, .handle = set_word,
     .help = "a word"},
    {.name = "AbiSet", .max_args = 1, .where = APUS_IN_GLOBAL, .shape = APUS_SHAPE_SECTION, .handle = set_section, .help = "settings"},
};

static apus_str word(apus_req *r) {
    return ((struct conf *)rq->dir_conf(r, self))->word;
}

/* ---- work */

struct state {
    apus_str answer;
    apus_status status;
    void *slot;
};

static int live;

static apus_status run(void *state) {
    return ((struct state *)state)->status;
}

static void finish(void *state, apus_req *r, apus_status answer) {
    (void)answer;
    rq->set_slot(r, self, ((struct state *)state)->slot);
}

static void release(void *state) {
    __atomic_sub_fetch(&live, 1, __ATOMIC_SEQ_CST);
    free(state);
}

static void begin(apus_work *work, apus_status status, void *slot) {
    struct state *state = calloc(1, sizeof *state);
    state->status = status;
    state->slot = slot;
    __atomic_add_fetch(&live, 1, __ATOMIC_SEQ_CST);
    work->run = run;
    work->finish = finish;
    work->release = release;
    work->state = state;
}

/* ---- users: "now" is known at once, "later" after some work; the password is the user's name */

static apus_status check_password(void *ctx, apus_req *r, apus_str user, apus_str password, apus_work *work) {
    (void)ctx, (void)r;
    apus_status status = eq(user, "now") || eq(user, "later")
                             ? user.len == password.len && !memcmp(user.ptr, password.ptr, user.len) ? APUS_AUTHN_GRANTED
                                                                                                     : APUS_AUTHN_DENIED
                         : eq(user, "broken") ? APUS_E_FAIL
                                              : APUS_AUTHN_NOT_FOUND;
    if (!starts(user, "later") && !eq(user, "broken")) return status;
    begin(work, status, NULL);
    return APUS_AUTHN_LATER;
}

static const apus_authn_v1 users = {.size = sizeof users, .check_password = check_password};

/* ---- a requirement that knows after some work, and then by the user's name */

static apus_status parse(void *ctx, const apus_cmd *cmd, apus_str arguments, void **parsed) {
    (void)ctx, (void)cmd;
    *parsed = (void *)po->dup(cf->pool(cmd), arguments).ptr;
    return APUS_OK;
}

static apus_status check(void *ctx, apus_req *r, void *parsed) {
    (void)ctx;
    apus_str user = rq->get(r, APUS_R_USER);
    if (!user.ptr) return APUS_AUTHZ_NEEDS_USER;
    if (!rq->slot(r, self)) return APUS_AUTHZ_LATER;
    return eq(user, parsed) ? APUS_AUTHZ_GRANTED : APUS_AUTHZ_DENIED;
}

static apus_status defer(void *ctx, apus_req *r, void *parsed, apus_work *work) {
    (void)ctx, (void)r;
    begin(work, APUS_OK, parsed);
    return APUS_OK;
}

static const apus_authz_v1 requirement = {
    .size = sizeof requirement, .parse = parse, .check = check, .defer = defer,
};

/* ---- AuthType Abi: lets everybody in who waits three times */

static apus_status again(void *ctx) {
    (void)ctx;
    return APUS_AGAIN;
}

static apus_status check_user(void *ctx, apus_req *r) {
    (void)ctx;
    if (!starts(rq->get(r, APUS_R_PATH), "/again")) return APUS_DECLINED;
    uintptr_t calls = (uintptr_t)rq->slot(r, self) + 1;
    rq->set_slot(r, self, (void *)calls);
    if (calls == 3) {
        rq->set_slot(r, self, NULL);
        rq->set(r, APUS_R_USER, S("patient"));
        return APUS_OK;
    }
    apus_task task;
    apus_status status = tk->suspend(r, NULL, NULL, &task);
    if (status != APUS_OK) return status;
    if (calls == 1) tk->run_blocking(task, again, NULL);
    else tk->resume(task, APUS_AGAIN);
    return APUS_SUSPENDED;
}

static apus_status note_failure(void *ctx, apus_req *r, apus_str type) {
    (void)ctx;
    if (!eq(type, "Abi")) return APUS_DECLINED;
    return hd->set(r, APUS_HEADERS_ERR, S("WWW-Authenticate"), S("Abi"));
}

/* ---- answers */

static apus_status outside(void *arg) {
    ((apus_str *)((void **)arg)[1])[0] = word(((void **)arg)[0]);
    return 7;
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    if (eq(rq->get(r, APUS_R_PATH), "/live")) return answerf(r, "%d", __atomic_load_n(&live, __ATOMIC_SEQ_CST));
    apus_str own = word(r), other = {NULL, 0};
    apus_status status = cs->call(r, set, outside, (void *[]){r, &other});
    apus_str after = word(r), user = rq->get(r, APUS_R_USER);
    return answerf(r, "%.*s %.*s %d %.*s %.*s", F(own), F(other), status, F(after), F(user));
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    cs = host->extension(host, APUS_EXT_CONFSET);
    pv->provide(host, APUS_GROUP_AUTHN, S("abi"), &users, NULL);
    pv->provide(host, APUS_GROUP_AUTHZ, S("abi"), &requirement, NULL);
    on_any(host, "note_auth_failure", "i(xRs)", (apus_fn)note_failure, NULL);
    on_flags(host, "check_user_id", APUS_FIRST, APUS_HOOK_MAY_SUSPEND, check_user, NULL);
    return on(host, "handler", APUS_MIDDLE, handler, NULL);
}

static const apus_module module = {
    BASICS("abi_access_module"),
    ROWS(rows),
    .dir_conf = &(const apus_conf_ops){.size = sizeof(apus_conf_ops), .create = make, .merge = merge},
    .attach = attach,
};
EXPORT(module)
