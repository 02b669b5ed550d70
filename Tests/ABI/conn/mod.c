/* Connections: slots, refusal, names that outlive a callback, and the end. */
#include "abi_test.h"

static const apus_host *self;

typedef struct conf {
    int64_t refused;
} conf;

static void *create(void *ctx, apus_pool *pool, const apus_scope *scope) {
    (void)ctx, (void)scope;
    return po->zalloc(pool, sizeof(conf));
}

static apus_status refuse(void *ctx, const apus_cmd *cmd, void *where, const apus_str *argv, uint32_t argc) {
    (void)ctx, (void)cmd, (void)argc;
    ((conf *)where)->refused = atoi(argv[0].ptr);
    return APUS_OK;
}

static void note(const char *format, long long n) {
    char text[100];
    int length = snprintf(text, sizeof text, format, n);
    lg->write(self, APUS_LOG_WARN, S(""), NULL, NULL, NULL, (apus_str){text, (size_t)length});
}

static void gone(void *ctx) {
    note("pool of connection %lld freed", *(int64_t *)ctx);
}

static apus_status connected(void *ctx, apus_conn *c) {
    (void)ctx;
    const conf *its = sv->conf(cn->server(c), self);
    if (its->refused && cn->number(c, APUS_C_LOCAL_PORT) == its->refused) return APUS_E_FAIL;
    int64_t *counter = po->zalloc(cn->pool(c), 2 * sizeof *counter);
    counter[1] = cn->number(c, APUS_C_ID);
    po->on_destroy(cn->pool(c), gone, &counter[1]);
    cn->set_slot(c, self, counter);
    return APUS_DECLINED;
}

static void disconnected(void *ctx, apus_conn *c) {
    (void)ctx;
    note("connection %lld closes", (long long)cn->number(c, APUS_C_ID));
}

static apus_token kept;
static int calls;

static void posted(void *ctx, apus_conn *c) {
    (void)ctx;
    calls++;
    note(c ? "posted to %lld" : "posted to nobody, call %lld",
         c ? (long long)cn->number(c, APUS_C_ID) : (long long)calls);
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_conn *c = rq->conn(r);
    apus_str path = rq->get(r, APUS_R_PATH);
    int64_t *counter = cn->slot(c, self);
    if (eq(path, "/facts"))
        return answerf(r,
                       "peer=%.*s\nlocal=%.*s\ntransport=%.*s\nprotocol=%.*s\npeer-port=%lld\nlocal-port=%"
                       "lld\nsecure=%lld\n"
                       "requests=%lld\nid=%lld\nslot=%lld\ntoken=%d\nserver=%.*s\n",
                       F(cn->get(c, APUS_C_PEER_ADDRESS)), F(cn->get(c, APUS_C_LOCAL_ADDRESS)),
                       F(cn->get(c, APUS_C_TRANSPORT)), F(cn->get(c, APUS_C_PROTOCOL)),
                       (long long)cn->number(c, APUS_C_PEER_PORT),
                       (long long)cn->number(c, APUS_C_LOCAL_PORT),
                       (long long)cn->number(c, APUS_C_IS_SECURE), (long long)cn->number(c, APUS_C_REQUESTS),
                       (long long)cn->number(c, APUS_C_ID), (long long)++*counter, cn->token(c) != 0,
                       F(sv->get(cn->server(c), APUS_S_NAME)));
    if (eq(path, "/close")) {
        cn->close(c);
        return answerf(r, "bye");
    }
    if (eq(path, "/keep")) {
        kept = cn->token(c);
        return answerf(r, "%lld", (long long)cn->number(c, APUS_C_ID));
    }
    if (eq(path, "/post")) return answerf(r, "%d", tk->post(kept, posted, NULL));
    return APUS_DECLINED;
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    on_any(host, "pre_connection", "i(xC)", (apus_fn)connected, NULL);
    on_any(host, "close_connection", "v(xC)", (apus_fn)disconnected, NULL);
    return on(host, "handler", APUS_MIDDLE, handler, NULL);
}

static const apus_directive rows[] = {
    {"AbiRefusePort", 1, 1, APUS_IN_SERVER, 0, 0, APUS_SHAPE_ARGS, refuse, "port", NULL}};
static const apus_module description = {BASICS("abi_conn_module"), ROWS(rows), .attach = attach,
                                        .server_conf = &(const apus_conf_ops){sizeof(apus_conf_ops), 0, create, NULL}};
EXPORT(description)
