/* Directives of every shape, and configuration of servers and directories. */
#include "abi_test.h"

typedef struct conf {
    char word[64];
    char calls[1024];
} conf;

static const apus_host *self;

static void *create(void *ctx, apus_pool *pool, const apus_scope *scope) {
    (void)ctx, (void)scope;
    return po->zalloc(pool, sizeof(conf));
}

static void *merge(void *ctx, apus_pool *pool, const void *base, const void *over) {
    (void)ctx;
    const conf *outer = base, *inner = over;
    conf *both = po->zalloc(pool, sizeof *both);
    snprintf(both->word, sizeof both->word, "%s", *inner->word ? inner->word : outer->word);
    snprintf(both->calls, sizeof both->calls, "%.500s%.500s", outer->calls, inner->calls);
    return both;
}

/** Records the call as "Name(argument|argument)". */
static apus_status record(void *ctx, const apus_cmd *cmd, void *where, const apus_str *argv, uint32_t argc) {
    (void)ctx;
    conf *its = where;
    size_t n = strlen(its->calls);
    n += (size_t)snprintf(its->calls + n, sizeof its->calls - n, "%.*s(", F(cf->name(cmd)));
    for (uint32_t i = 0; i < argc; i++)
        n += (size_t)snprintf(its->calls + n, sizeof its->calls - n, "%s%.*s", i ? "|" : "", F(argv[i]));
    snprintf(its->calls + n, sizeof its->calls - n, ")");
    return APUS_OK;
}

static apus_status word(void *ctx, const apus_cmd *cmd, void *where, const apus_str *argv, uint32_t argc) {
    (void)ctx, (void)cmd, (void)argc;
    snprintf(((conf *)where)->word, sizeof((conf *)where)->word, "%.*s", F(argv[0]));
    return APUS_OK;
}

static apus_status refuse(void *ctx, const apus_cmd *cmd, void *where, const apus_str *argv, uint32_t argc) {
    (void)ctx, (void)where, (void)argc;
    char text[200];
    snprintf(text, sizeof text, "no \"%.*s\" today", F(argv[0]));
    return cf->fail(cmd, str(text));
}

static apus_status caution(void *ctx, const apus_cmd *cmd, void *where, const apus_str *argv, uint32_t argc) {
    (void)ctx, (void)where, (void)argc;
    char text[200];
    snprintf(text, sizeof text, "\"%.*s\" is probably wrong", F(argv[0]));
    cf->warn(cmd, str(text));
    return APUS_OK;
}

/** Records where it stands: "at(kind path line file server)". */
static apus_status place(void *ctx, const apus_cmd *cmd, void *where, const apus_str *argv, uint32_t argc) {
    (void)argv, (void)argc;
    uint32_t line = 0;
    apus_str file = cf->location(cmd, &line), path = cf->scope_path(cf->scope(cmd));
    const char *base = strrchr(file.ptr, '/');
    char text[300];
    int n = snprintf(text, sizeof text, "%u %.*s %u %.*s %.*s", cf->scope_kind(cf->scope(cmd)), F(path), line,
                     (int)(file.len - (size_t)(base + 1 - file.ptr)), base + 1,
                     F(sv->get(cf->server(cmd), APUS_S_NAME)));
    return record(ctx, cmd, where, &(apus_str){text, (size_t)n}, 1);
}

static apus_status resolve(void *ctx, const apus_cmd *cmd, void *where, const apus_str *argv, uint32_t argc) {
    apus_str path = cf->resolve(cmd, argv[0]);
    return record(ctx, cmd, where, &path, argc);
}

/** A section: its argument, what is in it, and a closing record. */
static apus_status section(void *ctx, const apus_cmd *cmd, void *where, const apus_str *argv, uint32_t argc) {
    record(ctx, cmd, where, argv, argc);
    apus_status status = cf->walk(cmd);
    return status < 0 ? status : record(ctx, cmd, where, NULL, 0);
}

static apus_status both(void *ctx, const apus_cmd *cmd, void *where, const apus_str *argv, uint32_t argc) {
    (void)where;
    record(ctx, cmd, cf->server_conf(cmd), argv, argc);
    return record(ctx, cmd, cf->dir_conf(cmd), argv, argc);
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    const conf *server = rq->server_conf(r, self), *dir = rq->dir_conf(r, self);
    return answerf(r, "server=%s\nservercalls=%s\nword=%s\ncalls=%s\n", server->word, server->calls,
                   dir->word, dir->calls);
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    return on(host, "handler", APUS_MIDDLE, handler, NULL);
}

#define D APUS_DIRECTIVE_DIR_CONF
static const apus_directive rows[] = {
    {"AbiServer", 1, 1, APUS_IN_SERVER, 0, 0, APUS_SHAPE_ARGS, word, "word", NULL},
    {"AbiGlobal", 1, 1, APUS_IN_GLOBAL, 0, 0, APUS_SHAPE_ARGS, record, "word", NULL},
    {"AbiServerCall", 1, 1, APUS_IN_SERVER, 0, 0, APUS_SHAPE_ARGS, record, "word", NULL},
    {"AbiWord", 1, 1, APUS_IN_ANY, 0, D, APUS_SHAPE_ARGS, word, "word", NULL},
    {"AbiNone", 0, 0, APUS_IN_ANY, 0, D, APUS_SHAPE_ARGS, record, "", NULL},
    {"AbiRange", 2, 3, APUS_IN_ANY, 0, D, APUS_SHAPE_ARGS, record, "one two [three]", NULL},
    {"AbiMany", 2, APUS_MANY, APUS_IN_ANY, 0, D, APUS_SHAPE_ARGS, record, "one two …", NULL},
    {"AbiFlag", 1, 1, APUS_IN_ANY, 0, D, APUS_SHAPE_FLAG, record, "On|Off", NULL},
    {"AbiRaw", 0, 1, APUS_IN_ANY, 0, D, APUS_SHAPE_RAW, record, "anything", NULL},
    {"AbiEach", 1, APUS_MANY, APUS_IN_ANY, 0, D, APUS_SHAPE_EACH, record, "word …", NULL},
    {"AbiPairs", 2, APUS_MANY, APUS_IN_ANY, 0, D, APUS_SHAPE_PAIRS, record, "key word …", NULL},
    {"AbiSection", 0, 1, APUS_IN_ANY, 0, D, APUS_SHAPE_SECTION, section, "argument", NULL},
    {"AbiDirectory", 1, 1, APUS_IN_DIRECTORY, 0, D, APUS_SHAPE_ARGS, record, "word", NULL},
    {"AbiLocation", 1, 1, APUS_IN_LOCATION, 0, D, APUS_SHAPE_ARGS, record, "word", NULL},
    {"AbiFiles", 1, 1, APUS_IN_FILES, 0, D, APUS_SHAPE_ARGS, record, "word", NULL},
    {"AbiOnce", 1, 1, APUS_IN_ANY, 0, D | APUS_DIRECTIVE_ONCE, APUS_SHAPE_ARGS, record, "word", NULL},
    {"AbiSecret", 1, 1, APUS_IN_ANY, 0, D | APUS_DIRECTIVE_SECRET, APUS_SHAPE_ARGS, record, "word", NULL},
    {"AbiOld", 1, 1, APUS_IN_ANY, 0, D | APUS_DIRECTIVE_DEPRECATED, APUS_SHAPE_ARGS, record, "write AbiWord",
     NULL},
    {"AbiFail", 1, 1, APUS_IN_ANY, 0, D, APUS_SHAPE_ARGS, refuse, "word", NULL},
    {"AbiWarn", 1, 1, APUS_IN_ANY, 0, D, APUS_SHAPE_ARGS, caution, "word", NULL},
    {"AbiPlace", 0, 0, APUS_IN_ANY, 0, D, APUS_SHAPE_ARGS, place, "", NULL},
    {"AbiPath", 1, 1, APUS_IN_ANY, 0, D, APUS_SHAPE_ARGS, resolve, "path", NULL},
    {"AbiBoth", 1, 1, APUS_IN_ANY, 0, D, APUS_SHAPE_ARGS, both, "word", NULL},
};

static const apus_module description = {BASICS("abi_directives_module"), ROWS(rows), .attach = attach,
                                        .server_conf = &(const apus_conf_ops){sizeof(apus_conf_ops), 0, create, merge},
                                        .dir_conf = &(const apus_conf_ops){sizeof(apus_conf_ops), 0, create, merge}};
EXPORT(description)
