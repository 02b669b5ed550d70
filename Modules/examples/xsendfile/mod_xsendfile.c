/* mod_xsendfile: sends a file in place of an answer that names one in the field X-Sendfile.
 *
 *   XSendFile On
 *   XSendFilePath /srv/private        files below it may be named; more than one line adds up
 *
 * An application decides who gets a file, and leaves the sending to the server. What it wrote itself is dropped. Its status,
 * and its fields but those that belong to its own body, are kept.
 */
#include <apus/all.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const apus_host *host;
static const apus_pool_v1 *pools;
static const apus_config_v1 *config;
static const apus_request_v1 *request;
static const apus_headers_v1 *headers;
static const apus_body_v1 *body;
static const apus_filters_v1 *filters;
static const apus_log_v1 *logs;

#define TEXT(literal) ((apus_str){literal, sizeof(literal) - 1})
#define FIELD TEXT("X-Sendfile")

/* ---- configuration */

struct root {
    apus_str path; /* as the system calls it, without links */
    const struct root *next;
};

struct settings {
    int8_t on; /* -1: not said here */
    const struct root *roots;
};

static void *make(void *ctx, apus_pool *pool, const apus_scope *scope) {
    struct settings *settings = pools->zalloc(pool, sizeof *settings);
    if (settings) settings->on = -1;
    return settings;
}

static void *merge(void *ctx, apus_pool *pool, const void *base, const void *over) {
    const struct settings *outer = base, *inner = over;
    struct settings *both = pools->alloc(pool, sizeof *both);
    if (!both) return NULL;
    both->on = inner->on >= 0 ? inner->on : outer->on;
    both->roots = inner->roots ? inner->roots : outer->roots;
    return both;
}

static apus_status set_on(void *ctx, const apus_cmd *cmd, void *conf, const apus_str *argv, uint32_t argc) {
    ((struct settings *)conf)->on = argv[0].len == 2; /* On or Off: the host has seen to that */
    return APUS_OK;
}

static apus_status add_root(void *ctx, const apus_cmd *cmd, void *conf, const apus_str *argv, uint32_t argc) {
    struct settings *settings = conf;
    apus_pool *pool = config->pool(cmd);
    char real[PATH_MAX];
    if (memchr(argv[0].ptr, '\0', argv[0].len)) return config->fail(cmd, TEXT("the path holds a NUL byte"));
    apus_str path = pools->dup(pool, config->resolve(cmd, argv[0])); /* which ends in NUL */
    struct root *root = pools->alloc(pool, sizeof *root);
    if (!path.ptr || !root) return config->fail(cmd, TEXT("no memory"));
    if (!realpath(path.ptr, real)) return config->fail(cmd, TEXT("there is no such directory"));
    root->path = pools->dup(pool, (apus_str){real, strlen(real)});
    root->next = settings->roots;
    settings->roots = root;
    return APUS_OK;
}

static const apus_directive directives[] = {
    {.name = "XSendFile", .min_args = 1, .max_args = 1, .where = APUS_IN_ANY, .override_class = APUS_OVERRIDE_FILEINFO,
     .flags = APUS_DIRECTIVE_DIR_CONF, .shape = APUS_SHAPE_FLAG, .handle = set_on, .help = "On or Off"},
    {.name = "XSendFilePath", .min_args = 1, .max_args = 1, .where = APUS_IN_SERVER | APUS_IN_DIRECTORY | APUS_IN_LOCATION | APUS_IN_FILES,
     .flags = APUS_DIRECTIVE_DIR_CONF, .handle = add_root, .help = "a directory whose files may be named"},
};

/* ---- the file */

static void complain(apus_req *r, apus_str what) {
    if (logs->enabled(host, APUS_LOG_ERR, r, NULL, NULL)) logs->write(host, APUS_LOG_ERR, (apus_str){NULL, 0}, r, NULL, NULL, what);
}

static int lies_in(const struct root *root, const char *path) {
    for (; root; root = root->next) {
        size_t n = root->path.len;
        if (strncmp(path, root->path.ptr, n) == 0 && (path[n] == '/' || n == 1)) return 1;
    }
    return 0;
}

/* Opens what the field names, if it lies in one of the roots; what was opened is asked where it lies, so that nothing can be
 * exchanged in between. */
static int open_named(apus_req *r, const struct settings *settings, apus_str name, struct stat *info) {
    char link[64], real[PATH_MAX];
    if (name.len == 0 || name.ptr[0] != '/' || memchr(name.ptr, '\0', name.len)) return complain(r, TEXT("X-Sendfile names no absolute path")), -1;
    apus_str path = pools->dup(request->pool(r), name);
    int fd = path.ptr ? open(path.ptr, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
    if (fd < 0) return complain(r, TEXT("the file that X-Sendfile names cannot be opened")), -1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, real, sizeof real - 1);
    real[n > 0 ? n : 0] = '\0';
    if (!lies_in(settings->roots, real)) complain(r, TEXT("X-Sendfile names a file outside of XSendFilePath"));
    else if (fstat(fd, info) != 0 || !S_ISREG(info->st_mode)) complain(r, TEXT("X-Sendfile names something that is no file"));
    else return fd;
    close(fd);
    return -1;
}

static void set_modified(apus_req *r, time_t when) {
    struct tm parts;
    char text[64];
    if (!gmtime_r(&when, &parts)) return;
    size_t n = strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    headers->set(r, APUS_HEADERS_OUT, TEXT("Last-Modified"), (apus_str){text, n});
}

/* What programs say lies in the table of fields that also stay with an error. */
static const uint32_t tables[] = {APUS_HEADERS_OUT, APUS_HEADERS_ERR};

static apus_str named_file(apus_req *r) {
    apus_str name = headers->get(r, tables[0], FIELD, 0);
    return name.ptr ? name : headers->get(r, tables[1], FIELD, 0);
}

static void remove_field(apus_req *r, apus_str name) {
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) headers->remove(r, tables[i], name);
}

/* ---- the filter */

struct sending {
    int fd;
    int64_t length;
    int was_sent;
};

static void close_file(void *ctx) {
    struct sending *sending = ctx;
    if (sending->fd >= 0) close(sending->fd);
    sending->fd = -1;
}

static apus_status prepare(void *ctx, apus_filter *f) {
    apus_req *r = filters->request(f);
    const struct settings *settings = request->dir_conf(r, host);
    struct stat info;
    apus_str name = named_file(r);
    if (!name.ptr) return APUS_DECLINED;
    struct sending *sending = pools->zalloc(request->pool(r), sizeof *sending);
    if (!sending) return APUS_E_NOMEM;
    sending->fd = open_named(r, settings, name, &info);
    remove_field(r, FIELD);
    if (sending->fd < 0) {
        /* The answer goes on without a body: what the application wrote was not meant for clients. */
        request->set_number(r, APUS_R_STATUS, 404);
    } else {
        sending->length = info.st_size;
        set_modified(r, info.st_mtime);
    }
    remove_field(r, TEXT("Content-Length"));
    remove_field(r, TEXT("ETag"));
    remove_field(r, TEXT("Content-MD5"));
    apus_status status = pools->on_destroy(request->pool(r), close_file, sending);
    if (status < 0) return close_file(sending), status;
    filters->set_state(f, sending);
    return APUS_OK;
}

static apus_status process(void *ctx, apus_filter *f, apus_chain *chain) {
    struct sending *sending = filters->state(f);
    apus_segment first = {.size = sizeof first};
    while (body->peek(chain, &first) == APUS_OK) body->drop(chain, SIZE_MAX);
    if (!sending || sending->was_sent) return APUS_OK;
    sending->was_sent = 1;
    apus_chain *file = body->chain(request->pool(filters->request(f)));
    if (!file) return APUS_E_NOMEM;
    if (sending->fd >= 0) {
        apus_status status = body->append_file(file, sending->fd, 0, sending->length, 0);
        if (status < 0) return status;
    }
    apus_status status = body->append_mark(file, APUS_SEG_END);
    return status < 0 ? status : filters->pass(f, file);
}

static void insert(void *ctx, apus_req *r) {
    const struct settings *settings = request->dir_conf(r, host);
    if (settings->on == 1) filters->insert(r, APUS_OUTPUT, TEXT("XSENDFILE"));
}

static apus_status attach(const apus_host *h, void **ctx) {
    host = h;
    pools = h->extension(h, APUS_EXT_POOL);
    config = h->extension(h, APUS_EXT_CONFIG);
    request = h->extension(h, APUS_EXT_REQUEST);
    headers = h->extension(h, APUS_EXT_HEADERS);
    body = h->extension(h, APUS_EXT_BODY);
    filters = h->extension(h, APUS_EXT_FILTERS);
    logs = h->extension(h, APUS_EXT_LOG);
    const apus_hooks_v1 *hooks = h->extension(h, APUS_EXT_HOOKS);
    const apus_filter_reg filter = {
        .size = sizeof filter, .direction = APUS_OUTPUT, .stage = APUS_STAGE_CONTENT, .name = "XSENDFILE",
        .prepare = prepare, .process = process,
    };
    const apus_hook_reg reg = {
        .size = sizeof reg, .position = APUS_MIDDLE, .hook = "insert_filter", .signature = "v(xR)", .fn = (apus_fn)insert,
    };
    apus_status status = filters->add(h, &filter);
    return status < 0 ? status : hooks->add(h, &reg);
}

static const char *const needs[] = {
    APUS_EXT_POOL, APUS_EXT_CONFIG, APUS_EXT_REQUEST, APUS_EXT_HEADERS, APUS_EXT_BODY, APUS_EXT_FILTERS, APUS_EXT_LOG,
    APUS_EXT_HOOKS, NULL,
};

static const apus_module module = {
    .size = sizeof module, .abi_major = APUS_ABI_MAJOR, .abi_minor_min = APUS_ABI_MINOR,
    .n_directives = sizeof directives / sizeof *directives, .directive_stride = sizeof *directives, .directives = directives,
    .name = "xsendfile_module", .version = "1.0", .toolchain = "c", .requires_ids = needs,
    .dir_conf = &(const apus_conf_ops){.size = sizeof(apus_conf_ops), .create = make, .merge = merge},
    .attach = attach,
};

APUS_EXPORT const apus_module *apus_module_entry(const apus_host *h, const char *name) {
    return *name == '\0' || strcmp(name, module.name) == 0 ? &module : NULL;
}
