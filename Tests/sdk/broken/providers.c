/* A module with a provider of every kind that is asked about connections, pages and sessions. FLAW says what is wrong with one. */
#include <apus/all.h>
#include <apus/draft/all.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NONE, STATUS_NAME, FIGURE_NAME, FIGURE_ORDER, TAP_KEEPS, PREFACE_GREEDY, PROTOCOL_DEAF, TRANSPORT_OVERREADS, STORE_STATUS, CODEC_LOSSY, UPSTREAM_CLOSES };

#define TEXT(literal) ((apus_str){literal, sizeof(literal) - 1})
#define IS(flaw) (FLAW == (flaw))

static const apus_host *host;
static const apus_wire_v0 *wire;
static const apus_pool_v1 *pools;
static const apus_request_v1 *requests;

/* ---- pages */

static void tell_status(void *ctx, apus_req *r, void (*fact)(void *, apus_str, apus_str), void *arg) {
    fact(arg, IS(STATUS_NAME) ? TEXT("Two Words") : TEXT("Words"), TEXT("2"));
}

static void tell_figures(void *ctx, void (*tell)(void *, const apus_figure *), void *arg) {
    apus_figure figure = {.size = sizeof figure, .kind = APUS_FIGURE_COUNTER, .help = TEXT("What was done."), .value = 1};
    figure.name = IS(FIGURE_NAME) ? TEXT("things") : TEXT("things_total");
    tell(arg, &figure);
    if (IS(FIGURE_ORDER)) {
        apus_figure other = {.size = sizeof other, .name = TEXT("others"), .help = TEXT("Others."), .value = 1};
        tell(arg, &other);
        tell(arg, &figure);
    }
}

/* ---- connections */

static const char *kept;

static apus_status wants(void *ctx, apus_conn *c) { return APUS_OK; }

static void received(void *ctx, apus_conn *c, const void *bytes, size_t n) {
    if (IS(TAP_KEEPS) && kept && *kept == 'x') return;
    if (n) kept = bytes;
}

static void sent(void *ctx, apus_conn *c, const void *bytes, size_t n) {}

static apus_status read_preface(void *ctx, apus_conn *c, const void *bytes, size_t n, size_t *used) {
    if (*(const char *)bytes != 'P') return APUS_E_INVALID;
    const char *end = memchr(bytes, '\n', n);
    if (!end) return APUS_AGAIN;
    *used = (size_t)(end - (const char *)bytes) + (IS(PREFACE_GREEDY) ? 2 : 1);
    return APUS_OK;
}

static apus_status open_protocol(void *ctx, apus_conn *c, void **state) { return (*state = malloc(1)) ? APUS_OK : APUS_E_NOMEM; }
static apus_status receive(void *state, const void *bytes, size_t n) { return APUS_OK; }

static apus_status open_transport(void *ctx, apus_conn *c, void **state) {
    *state = c;
    return APUS_OK;
}
static apus_status handshake(void *state) { return APUS_OK; }
static apus_status read_transport(void *state, void *buffer, size_t capacity, size_t *n) {
    apus_status status = wire->read(state, buffer, capacity, n);
    if (IS(TRANSPORT_OVERREADS)) *n = capacity + 1;
    return status;
}
static apus_status write_transport(void *state, const apus_str *parts, uint32_t n_parts, size_t *n) {
    return n_parts ? wire->write(state, parts[0].ptr, parts[0].len, n) : APUS_OK;
}
static apus_status shutdown_transport(void *state) { return APUS_OK; }
static void close_transport(void *state) {}
static apus_str agreed(void *state) { return TEXT(""); }

static apus_status open_upstream(void *ctx, const apus_server *s, apus_str name, int32_t fd, void **state) {
    int32_t *place = malloc(sizeof *place);
    if (!place) return APUS_E_NOMEM;
    *place = fd;
    *state = place;
    return APUS_OK;
}
static apus_status greet_upstream(void *state, uint32_t *wants_) { return APUS_E_FAIL; }
static apus_status read_upstream(void *state, void *buffer, size_t capacity, size_t *n, uint32_t *wants_) { return APUS_E_FAIL; }
static apus_status write_upstream(void *state, const void *bytes, size_t length, size_t *n, uint32_t *wants_) { return APUS_E_FAIL; }
static apus_status shutdown_upstream(void *state, uint32_t *wants_) { return APUS_OK; }
static void close_upstream(void *state) {
    if (IS(UPSTREAM_CLOSES)) close(*(int32_t *)state);
    free(state);
}
static apus_str problem(void *state) { return TEXT("it does not answer"); }
static apus_str fact_upstream(void *state, apus_str name) { return TEXT(""); }

/* ---- sessions */

static apus_status load(void *ctx, apus_req *r, apus_str *out) { return IS(STORE_STATUS) ? 7 : APUS_DECLINED; }
static apus_status save(void *ctx, apus_req *r, apus_str text, int64_t max_age) { return APUS_DECLINED; }

static apus_status turned(void *ctx, apus_req *r, apus_str in, apus_str *out) {
    char *bytes = pools->alloc(requests->pool(r), in.len + 1);
    if (!bytes) return APUS_E_NOMEM;
    for (size_t i = 0; i < in.len; i++) bytes[i] = in.ptr[in.len - 1 - i];
    *out = (apus_str){bytes, in.len};
    return APUS_OK;
}
static apus_status same(void *ctx, apus_req *r, apus_str in, apus_str *out) {
    *out = in;
    return APUS_OK;
}

/* ---- */

static const apus_status_source_v1 status = {sizeof status, 0, tell_status};
static const apus_figures_v1 figures = {sizeof figures, 0, tell_figures};
static const apus_tap_v0 tap = {sizeof tap, 0, wants, received, sent};
static const apus_preface_v0 preface = {sizeof preface, 0, wants, read_preface};
static const apus_protocol_v0 protocol = {sizeof protocol, 0, open_protocol, IS(PROTOCOL_DEAF) ? NULL : receive, NULL, free};
static const apus_transport_v0 transport = {
    sizeof transport, 0, open_transport, handshake, read_transport, write_transport, shutdown_transport, close_transport, agreed, NULL,
};
static const apus_upstream_v0 upstream = {
    sizeof upstream, 0, open_upstream, greet_upstream, read_upstream, write_upstream, shutdown_upstream, close_upstream, problem, fact_upstream,
};
static const apus_session_store_v0 store = {sizeof store, 0, load, save};
static const apus_session_codec_v0 codec = {sizeof codec, 0, turned, IS(CODEC_LOSSY) ? same : turned};

static apus_status attach(const apus_host *h, void **ctx) {
    host = h;
    wire = h->extension(h, APUS_EXT_WIRE);
    pools = h->extension(h, APUS_EXT_POOL);
    requests = h->extension(h, APUS_EXT_REQUEST);
    const apus_providers_v1 *providers = h->extension(h, APUS_EXT_PROVIDERS);
    const struct {
        const char *group;
        const void *table;
    } all[] = {
        {APUS_GROUP_STATUS, &status},       {APUS_GROUP_FIGURES, &figures},       {APUS_GROUP_TAP, &tap},
        {APUS_GROUP_PREFACE, &preface},     {APUS_GROUP_PROTOCOL, &protocol},     {APUS_GROUP_TRANSPORT, &transport},
        {APUS_GROUP_UPSTREAM, &upstream},   {APUS_GROUP_SESSION_STORE, &store},   {APUS_GROUP_SESSION_CODEC, &codec},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        apus_status outcome = providers->provide(h, all[i].group, TEXT("mine"), all[i].table, NULL);
        if (outcome < 0) return outcome;
    }
    return APUS_OK;
}

static const char *const needs[] = {APUS_EXT_WIRE, APUS_EXT_POOL, APUS_EXT_REQUEST, APUS_EXT_PROVIDERS, NULL};

static const apus_module module = {
    .size = sizeof module, .abi_major = APUS_ABI_MAJOR, .abi_minor_min = APUS_ABI_MINOR,
    .name = "flaw_module", .version = "1.0", .toolchain = "c", .requires_ids = needs,
    .attach = attach,
};

APUS_EXPORT const apus_module *apus_module_entry(const apus_host *h, const char *name) {
    return *name == '\0' || strcmp(name, module.name) == 0 ? &module : NULL;
}
