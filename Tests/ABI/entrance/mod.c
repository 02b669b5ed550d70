/* What a connection begins with, who is shown its bytes, and who takes it; bodies in the place of others; what the server is
 * made of. */
#include "abi_test.h"

static const apus_host *self;
static const apus_inspect_v0 *in;
static long long preface_port, tap_port, taken_port;

static int is_on(apus_conn *c, long long port) {
    return port && cn->number(c, APUS_C_LOCAL_PORT) == port;
}

/* ---- a preface: "<" up to ">", of which "no" is none ---- */

static apus_status expects(void *ctx, apus_conn *c) {
    (void)ctx;
    return is_on(c, preface_port) ? APUS_OK : APUS_DECLINED;
}

static apus_status read_preface(void *ctx, apus_conn *c, const void *bytes, size_t n, size_t *used) {
    (void)ctx;
    const char *text = bytes;
    if (text[0] != '<') return APUS_E_FAIL;
    const char *end = memchr(text, '>', n);
    if (!end) return APUS_AGAIN;
    apus_str word = {text + 1, (size_t)(end - text - 1)};
    if (eq(word, "no")) return APUS_E_FAIL;
    if (eq(word, "too much")) {
        *used = n + 1;
        return APUS_OK;
    }
    apus_str *kept = po->zalloc(cn->pool(c), sizeof *kept);
    *kept = po->dup(cn->pool(c), word);
    cn->set_slot(c, self, kept);
    *used = (size_t)(end - text) + 1;
    return APUS_OK;
}

static const apus_preface_v0 preface = {sizeof preface, 0, expects, read_preface};

/* ---- a tap that counts ---- */

static long long received, sent, ends;

static apus_status wants(void *ctx, apus_conn *c) {
    (void)ctx;
    return is_on(c, tap_port) ? APUS_OK : APUS_DECLINED;
}

static void note_received(void *ctx, apus_conn *c, const void *bytes, size_t n) {
    (void)ctx, (void)c, (void)bytes;
    received += (long long)n;
    if (n == 0) ends++;
}

static void note_sent(void *ctx, apus_conn *c, const void *bytes, size_t n) {
    (void)ctx, (void)c, (void)bytes;
    sent += (long long)n;
}

static const apus_tap_v0 tap = {sizeof tap, 0, wants, note_received, note_sent};

/* ---- a protocol from the begin, which speaks first ---- */

static apus_status receive(void *state, const void *bytes, size_t n) {
    apus_conn *c = state;
    if (n == 0) {
        cn->close(c);
        return APUS_OK;
    }
    apus_str parts[] = {S("["), {bytes, n}, S("]")};
    return up->send(c, parts, 3) < 0 ? APUS_E_FAIL : APUS_OK;
}

static void close_protocol(void *state) {
    (void)state;
    lg->write(self, APUS_LOG_WARN, S(""), NULL, NULL, NULL, S("the taken connection closes"));
}

static const apus_protocol_v0 protocol = {.size = sizeof protocol, .receive = receive, .close = close_protocol};

static apus_status process(void *ctx, apus_conn *c) {
    (void)ctx;
    if (!is_on(c, taken_port)) return APUS_DECLINED;
    apus_status status = up->take(c, &protocol, c);
    if (status != APUS_OK) return status;
    apus_str hello = S("hello ");
    up->send(c, &hello, 1);
    return up->take(c, &protocol, c) == APUS_E_INVALID ? APUS_OK : APUS_E_FAIL;
}

/* ---- what the server is made of ---- */

static void tell_line(void *arg, const apus_config_line *line) {
    if (!starts(line->name, "Abi") && line->kind == APUS_LINE_DIRECTIVE) return;
    say(arg, "%u %u %.*s(%.*s) %.*s %s\n", line->kind, line->depth, F(line->name), F(line->arguments), F(line->module),
        line->line > 0 && line->file.len ? "placed" : "nowhere");
}
static void tell_directive(void *arg, apus_str name, apus_str help, int32_t is_section) {
    say(arg, "%.*s: %.*s %d\n", F(name), F(help), is_section);
}
static void tell_callback(void *arg, apus_str hook, apus_str module, int32_t position) {
    if (eq(module, "abi_entrance_module")) say(arg, "%.*s %d\n", F(hook), position);
}
static void tell_provider(void *arg, apus_str group, apus_str name, apus_str module) {
    if (eq(module, "abi_entrance_module")) say(arg, "%.*s %.*s\n", F(group), F(name));
}
static void tell_filter(void *arg, apus_str name, apus_str module, uint32_t direction) {
    say(arg, "%.*s %.*s %u\n", F(name), F(module), direction);
}

static apus_status inspect(apus_req *r, apus_str path) {
    out o = {0, ""};
    if (eq(path, "/lines")) in->each_line(self, tell_line, &o);
    if (eq(path, "/directives")) in->each_directive(self, S("abi_entrance_module"), tell_directive, &o);
    if (eq(path, "/callbacks")) in->each_callback(self, tell_callback, &o);
    if (eq(path, "/providers")) in->each_provider(self, tell_provider, &o);
    if (eq(path, "/filters")) in->each_filter(self, tell_filter, &o);
    return answer(r, &o);
}

/* ---- requests ---- */

/** The second body that a request gets is what its first one was, twice. */
static apus_status answer_second(apus_req *r, collector *c, apus_status status) {
    return status == APUS_OK ? bd->write(r, c->chain) : status;
}

static apus_status replace(apus_req *r, collector *c, apus_status status) {
    if (status != APUS_OK) return status;
    apus_segment first = {.size = sizeof first};
    out twice = {0, ""};
    while (bd->peek(c->chain, &first) == APUS_OK) {
        say(&twice, "%.*s", F(first.data));
        bd->drop(c->chain, SIZE_MAX);
    }
    size_t half = twice.n;
    say(&twice, "%.*s", (int)half, twice.text);
    apus_str path = rq->get(r, APUS_R_PATH);
    status = bd->replace(r, (apus_str){twice.text, twice.n});
    if (status != APUS_OK) return status;
    hd->set(r, APUS_HEADERS_OUT, S("X-Length"), hd->get(r, APUS_HEADERS_IN, S("Content-Length"), 0));
    if (eq(path, "/unread")) return answerf(r, "left");
    return collect(r, 3, answer_second, NULL);
}

static apus_status echo(apus_req *r, collector *c, apus_status status) {
    if (status != APUS_OK) return status;
    apus_chain *all = bd->chain(rq->pool(r));
    bd->append_copy(all, rq->get(r, APUS_R_METHOD));
    bd->append_copy(all, S(" "));
    bd->move(all, c->chain, SIZE_MAX);
    return bd->write(r, all);
}

static void included(void *ctx, apus_req *sub, apus_status status) {
    (void)ctx, (void)sub;
    if (status != APUS_OK) lg->write(self, APUS_LOG_ERR, S(""), NULL, NULL, NULL, S("what was included failed"));
}

static apus_status include(apus_req *r) {
    apus_req *sub;
    if (sq->lookup(r, S("/echo"), &sub) != APUS_OK) return APUS_E_FAIL;
    return sq->run(sub, NULL, included, NULL);
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str path = rq->get(r, APUS_R_PATH);
    const apus_str *word = cn->slot(rq->conn(r), self);
    if (eq(path, "/word")) return answerf(r, "%.*s", word ? (int)word->len : 4, word ? word->ptr : "none");
    if (eq(path, "/counts")) return answerf(r, "%lld %lld %lld", received, sent, ends);
    if (eq(path, "/include")) return include(r);
    if (eq(path, "/echo")) return collect(r, 65536, echo, NULL);
    if (eq(path, "/early")) return answerf(r, "%d", bd->replace(r, S("x")));
    if (eq(path, "/twice") || eq(path, "/unread")) return collect(r, 65536, replace, NULL);
    return inspect(r, path);
}

static apus_status set_ports(void *ctx, const apus_cmd *cmd, void *conf, const apus_str *argv, uint32_t argc) {
    (void)ctx, (void)cmd, (void)conf, (void)argc;
    preface_port = atoi(argv[0].ptr), tap_port = atoi(argv[1].ptr), taken_port = atoi(argv[2].ptr);
    return APUS_OK;
}
static apus_status keep(void *ctx, const apus_cmd *cmd, void *conf, const apus_str *argv, uint32_t argc) {
    (void)ctx, (void)cmd, (void)conf, (void)argv, (void)argc;
    return APUS_OK;
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    in = host->extension(host, APUS_EXT_INSPECT);
    pv->provide(host, APUS_GROUP_PREFACE, S("abi-word"), &preface, NULL);
    pv->provide(host, APUS_GROUP_TAP, S("abi-count"), &tap, NULL);
    const apus_hook_reg reg = {
        .size = sizeof reg, .position = APUS_EARLY, .hook = "process_connection", .signature = "i(xC)", .fn = (apus_fn)process};
    apus_status status = hk->add(host, &reg);
    return status < 0 ? status : on_flags(host, "handler", APUS_MIDDLE, APUS_HOOK_MAY_SUSPEND, handler, NULL);
}

static const apus_directive rows[] = {
    {"AbiPorts", 3, 3, APUS_IN_GLOBAL, 0, 0, APUS_SHAPE_ARGS, set_ports, "three ports", NULL},
    {"AbiSecret", 1, 1, APUS_IN_ANY, 0, APUS_DIRECTIVE_SECRET, APUS_SHAPE_ARGS, keep, "nobody's business", NULL}};
static const apus_module description = {BASICS("abi_entrance_module"), ROWS(rows), .attach = attach};
EXPORT(description)
