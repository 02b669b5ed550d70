/* A transport that XORs every byte: a transport can be written from outside.
 *
 * The client says first what it wants: 'X' begins, 'S' begins after a wait, 'G' is plain HTTP, all else is
 * refused. */
#include "abi_test.h"

#define KEY 0x2a

static const apus_host *self;
static int port;

typedef struct wire {
    apus_conn *c;
    apus_task task;
    int waiting, ready, n, sent;
    char pending[70000];
} wire;

static void note(const char *text) {
    lg->write(self, APUS_LOG_WARN, S(""), NULL, NULL, NULL, str(text));
}

static apus_status open_wire(void *ctx, apus_conn *c, void **state) {
    (void)ctx;
    if (cn->number(c, APUS_C_LOCAL_PORT) != port) return APUS_DECLINED;
    wire *its = calloc(1, sizeof *its);
    its->c = c;
    *state = its;
    return APUS_OK;
}

static void awake(void *ctx) {
    wire *its = ctx;
    its->ready = 1;
    tk->resume(its->task, APUS_OK);
}

static apus_status handshake(void *state) {
    wire *its = state;
    if (its->ready) return APUS_OK;
    if (its->waiting) return APUS_SUSPENDED;
    char first;
    size_t n = 0;
    apus_status status = wi->read(its->c, &first, 1, &n);
    if (status != APUS_OK) return status;
    if (n == 0) return APUS_E_CLOSED;
    if (first == 'X') return APUS_OK;
    if (first == 'G') return APUS_DECLINED;
    if (first != 'S') return APUS_E_FAIL;
    its->waiting = 1;
    if (wi->suspend(its->c, NULL, NULL, &its->task) != APUS_OK) return APUS_E_FAIL;
    tk->timer(its->c, 50000, awake, its, NULL);
    return APUS_SUSPENDED;
}

static apus_status read_wire(void *state, void *buffer, size_t capacity, size_t *n) {
    wire *its = state;
    apus_status status = wi->read(its->c, buffer, capacity, n);
    if (status == APUS_OK)
        for (size_t i = 0; i < *n; i++)
            ((char *)buffer)[i] ^= KEY;
    return status;
}

/** Sends what is kept. */
static apus_status flush(wire *its) {
    while (its->sent < its->n) {
        size_t n = 0;
        apus_status status =
            wi->write(its->c, its->pending + its->sent, (size_t)(its->n - its->sent), &n);
        its->sent += (int)n;
        if (status != APUS_OK) return status;
    }
    its->n = its->sent = 0;
    return APUS_OK;
}

static apus_status write_wire(void *state, const apus_str *parts, uint32_t n_parts, size_t *taken) {
    wire *its = state;
    *taken = 0;
    apus_status status = flush(its);
    if (status != APUS_OK) return status;
    for (uint32_t i = 0; i < n_parts; i++) {
        size_t room = sizeof its->pending - (size_t)its->n, n = parts[i].len < room ? parts[i].len : room;
        for (size_t k = 0; k < n; k++)
            its->pending[its->n++] = parts[i].ptr[k] ^ KEY;
        *taken += n;
        if (n < parts[i].len) break;
    }
    return flush(its);
}

static apus_status write_last(void *state, const apus_str *parts, uint32_t n_parts, size_t *taken) {
    char text[64];
    snprintf(text, sizeof text, "transport gets the last %u parts", n_parts);
    note(text);
    return write_wire(state, parts, n_parts, taken);
}

static apus_status shutdown_wire(void *state) {
    wire *its = state;
    apus_status status = flush(its);
    if (status == APUS_OK) note("transport says goodbye");
    return status;
}

static void close_wire(void *state) {
    note("transport closes");
    free(state);
}

static apus_str protocol(void *state) {
    (void)state;
    return (apus_str){NULL, 0};
}

static const apus_transport_v0 table = {sizeof table, APUS_TRANSPORT_SECURE, open_wire,  handshake, read_wire,
                                        write_wire,   shutdown_wire,         close_wire, protocol, write_last};

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_conn *c = rq->conn(r);
    if (eq(rq->get(r, APUS_R_PATH), "/abi/select")) {
        int32_t matched = -1;
        const apus_server *s = wi->select_server(c, rq->get(r, APUS_R_QUERY), &matched);
        return answerf(r, "%.*s %d", F(sv->get(s, APUS_S_NAME)), matched);
    }
    if (!eq(rq->get(r, APUS_R_PATH), "/abi")) return APUS_DECLINED;
    apus_str url = sq->absolute_url(r, S("/x"));
    return answerf(r, "%.*s %lld %.*s %d %.*s", F(cn->get(c, APUS_C_TRANSPORT)),
                   (long long)cn->number(c, APUS_C_IS_SECURE), F(rq->get(r, APUS_R_SCHEME)),
                   wi->state(c, S("abi-xor")) != NULL, F(url));
}

static apus_status set_port(void *ctx, const apus_cmd *cmd, void *conf, const apus_str *argv, uint32_t argc) {
    (void)ctx, (void)cmd, (void)conf, (void)argc;
    port = atoi(argv[0].ptr);
    return APUS_OK;
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    pv->provide(host, APUS_GROUP_TRANSPORT, S("abi-xor"), &table, NULL);
    return on(host, "handler", APUS_MIDDLE, handler, NULL);
}

static const apus_directive rows[] = {
    {"AbiXorPort", 1, 1, APUS_IN_GLOBAL, 0, 0, APUS_SHAPE_ARGS, set_port, "port", NULL}};
static const apus_module description = {BASICS("abi_transport_module"), ROWS(rows), .attach = attach};
EXPORT(description)
