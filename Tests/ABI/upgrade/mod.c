/* Connections taken over: by an answer 101, or by agreement of a transport; and interim answers.
 *
 * The protocol "abi-echo" gives back what it gets. Words it knows: "bye" ends it, "hold" makes it deaf for a moment,
 * "flood" sends more than fits into any buffer. */
#include "abi_test.h"

#define FLOOD (8 << 20)

static const apus_host *self;
static int port;

typedef struct echo {
    apus_conn *c;
    apus_req *r; /* of a handler that waits before it switches */
    apus_task task;
    long long flooded;
} echo;

static void note(const char *text) {
    lg->write(self, APUS_LOG_WARN, S(""), NULL, NULL, NULL, str(text));
}

static apus_status say_to(echo *its, apus_str text) {
    apus_status status = up->send(its->c, &text, 1);
    return status == APUS_AGAIN ? APUS_OK : status;
}

static apus_status flood(void *state) {
    static char block[65536];
    echo *its = state;
    apus_str parts[2] = {{block, 1000}, {block, sizeof block - 1000}};
    memset(block, 'f', sizeof block);
    while (its->flooded < FLOOD) {
        its->flooded += (long long)sizeof block;
        apus_status status = up->send(its->c, parts, 2);
        if (status == APUS_AGAIN) {
            if (up->pending(its->c) <= 0) note("echo waits for nothing");
            return APUS_OK;
        }
        if (status != APUS_OK) return status;
    }
    cn->close(its->c);
    return APUS_OK;
}

static void hear(void *ctx) {
    echo *its = ctx;
    up->hold(its->c, 0);
}

static apus_status receive(void *state, const void *bytes, size_t n) {
    echo *its = state;
    apus_str text = {bytes, n};
    if (n == 0) {
        say_to(its, S("ended"));
        cn->close(its->c);
        return APUS_OK;
    }
    if (eq(text, "flood")) return flood(its);
    if (eq(text, "fail")) return APUS_E_FAIL;
    if (eq(text, "idle")) return up->idle_limit(its->c, 100000);
    if (eq(text, "hold")) {
        up->hold(its->c, 1);
        tk->timer(its->c, 50000, hear, its, NULL);
        return say_to(its, S("held"));
    }
    apus_status status = say_to(its, text);
    if (eq(text, "bye")) cn->close(its->c);
    return status;
}

static void close_echo(void *state) {
    note("echo closes");
    free(state);
}

static apus_status open_echo(void *ctx, apus_conn *c, void **state) {
    (void)ctx;
    echo *its = calloc(1, sizeof *its);
    its->c = c;
    *state = its;
    return say_to(its, S("hello"));
}

static const apus_protocol_v0 protocol = {sizeof protocol, 0, open_echo, receive, flood, close_echo};

static apus_status switch_now(apus_req *r) {
    echo *its = calloc(1, sizeof *its);
    its->c = rq->conn(r);
    hd->set(r, APUS_HEADERS_OUT, S("X-Abi"), S("switched"));
    apus_status status = up->switch_to(r, S("abi-echo"), &protocol, its);
    if (status == APUS_OK && eq(rq->get(r, APUS_R_QUERY), "early")) say_to(its, S("early"));
    if (status == APUS_OK) return APUS_OK;
    free(its);
    return status == APUS_E_INVALID ? answerf(r, "not switched") : status;
}

static void switch_late(void *ctx) {
    echo *its = ctx;
    tk->resume(its->task, switch_now(its->r));
}

static apus_status late(apus_req *r) {
    echo *its = po->zalloc(rq->pool(r), sizeof *its);
    its->r = r;
    apus_status status = tk->suspend(r, NULL, NULL, &its->task);
    if (status != APUS_OK) return status;
    tk->timer(rq->conn(r), 30000, switch_late, its, NULL);
    return APUS_SUSPENDED;
}

static apus_status hints(apus_req *r) {
    hd->set(r, APUS_HEADERS_OUT, S("Link"), S("</style.css>; rel=preload"));
    hd->set(r, APUS_HEADERS_OUT, S("Content-Length"), S("5"));
    hd->set(r, APUS_HEADERS_ERR, S("X-Later"), S("1"));
    int first = bd->interim(r, 103), second = bd->interim(r, 102), odd = bd->interim(r, 199);
    int wrong = bd->interim(r, 101), final = bd->interim(r, 200);
    hd->remove(r, APUS_HEADERS_OUT, S("Content-Length"));
    return answerf(r, "%d %d %d %d %d", first, second, odd, wrong, final);
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str path = rq->get(r, APUS_R_PATH);
    if (eq(path, "/asked")) return answerf(r, "%d", up->asked(r, S("abi-echo")));
    if (eq(path, "/echo")) return switch_now(r);
    if (eq(path, "/late")) return late(r);
    if (eq(path, "/hints")) return hints(r);
    return APUS_DECLINED;
}

/** Runs on a thread of the pool. */
static apus_status slow_handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str path = rq->get(r, APUS_R_PATH);
    if (eq(path, "/pool/hints")) return hints(r);
    if (!eq(path, "/pool/echo")) return APUS_DECLINED;
    return answerf(r, "%d", up->switch_to(r, S("abi-echo"), &protocol, NULL));
}

/* ---- a transport that agrees on the protocol ---- */

static apus_status open_wire(void *ctx, apus_conn *c, void **state) {
    (void)ctx;
    if (cn->number(c, APUS_C_LOCAL_PORT) != port) return APUS_DECLINED;
    *state = c;
    return APUS_OK;
}
static apus_status handshake(void *state) {
    (void)state;
    return APUS_OK;
}
static apus_status read_wire(void *state, void *buffer, size_t capacity, size_t *n) {
    return wi->read(state, buffer, capacity, n);
}
static apus_status write_wire(void *state, const apus_str *parts, uint32_t n_parts, size_t *n) {
    *n = 0;
    for (uint32_t i = 0; i < n_parts; i++) {
        size_t sent = 0;
        apus_status status = wi->write(state, parts[i].ptr, parts[i].len, &sent);
        *n += sent;
        if (status != APUS_OK) return status;
    }
    return APUS_OK;
}
static apus_status shutdown_wire(void *state) {
    (void)state;
    return APUS_OK;
}
static void close_wire(void *state) {
    (void)state;
}
static apus_str agreed(void *state) {
    (void)state;
    return S("abi-echo");
}

static const apus_transport_v0 wire = {sizeof wire, 0,         open_wire,     handshake,
                                       read_wire,   write_wire, shutdown_wire, close_wire,
                                       agreed};

static apus_status set_port(void *ctx, const apus_cmd *cmd, void *conf, const apus_str *argv, uint32_t argc) {
    (void)ctx, (void)cmd, (void)conf, (void)argc;
    port = atoi(argv[0].ptr);
    return APUS_OK;
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    pv->provide(host, APUS_GROUP_TRANSPORT, S("abi-wire"), &wire, NULL);
    pv->provide(host, APUS_GROUP_PROTOCOL, S("abi-echo"), &protocol, NULL);
    on_flags(host, "handler", APUS_MIDDLE, APUS_HOOK_MAY_SUSPEND, handler, NULL);
    return on_flags(host, "handler", APUS_LATE, APUS_HOOK_MAY_BLOCK, slow_handler, NULL);
}

static const apus_directive rows[] = {
    {"AbiEchoPort", 1, 1, APUS_IN_GLOBAL, 0, 0, APUS_SHAPE_ARGS, set_port, "port", NULL}};
static const apus_module description = {BASICS("abi_upgrade_module"), ROWS(rows), .attach = attach};
EXPORT(description)
