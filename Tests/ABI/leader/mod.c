/* What the leader does for modules: watched files, messages, leases; and what generations leave each other. */
#include <unistd.h>

#include "abi_test.h"

static const apus_host *self;
static const apus_leader_v1 *ld;
static const apus_handover_v0 *ho;

/* What this process knows: the leader's copy is what later workers inherit. */
static char told[256] = "nothing";
static int messages;
static char left[256] = "nothing";
static int64_t *lasting;
static int32_t inherited, previous_length;
static apus_status late_watch, late_put;

static void receive(void *ctx, apus_str name, apus_str bytes) {
    (void)ctx;
    messages++;
    snprintf(told, sizeof told, "%.*s=%zu:%.*s", F(name), bytes.len, (int)(bytes.len < 40 ? bytes.len : 40),
             bytes.len ? bytes.ptr : "");
}

static void changed(void *ctx, apus_str path) {
    (void)ctx;
    char text[100] = "";
    FILE *file = fopen(path.ptr, "r");
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file) fclose(file);
    ld->broadcast(self, S("file"), file ? (apus_str){text, n} : S("(gone)"));
    ho->put(self, S("last file"), (apus_str){text, n});
}

static apus_status open_config(void *ctx, uint32_t reason, uint64_t generation) {
    (void)ctx, (void)generation;
    if (reason == APUS_OPEN_CHECK) return APUS_OK;
    ld->watch_file(self, S("watched"), changed, NULL);
    ld->on_message(self, receive, NULL);
    apus_str value;
    if (ho->get(self, S("last file"), sv->pool(self), &value) == APUS_OK)
        snprintf(left, sizeof left, "%.*s", F(value));
    apus_shm *old, *now;
    if (sm->previous(self, "lasting", &old) == APUS_OK) previous_length = (int32_t)sm->length(old);
    char larger[512];
    snprintf(larger, sizeof larger, "%.*s/larger", F(sv->process(self, APUS_P_SERVER_ROOT)));
    size_t bytes = access(larger, F_OK) == 0 ? 8192 : 4096;
    if (sm->create_lasting(self, "lasting", bytes, &now, &inherited) != APUS_OK) return APUS_E_FAIL;
    lasting = sm->base(now);
    return APUS_OK;
}

static void child_init(void *ctx) {
    (void)ctx;
    late_watch = ld->watch_file(self, S("other"), changed, NULL);
    late_put = ho->put(self, S("late"), S("x"));
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str path = rq->get(r, APUS_R_PATH), query = rq->get(r, APUS_R_QUERY);
    int worker = (int)sv->process_number(self, APUS_P_WORKER);
    if (eq(path, "/told")) return answerf(r, "%d %d %s", worker, messages, told);
    if (eq(path, "/say")) return answerf(r, "%d", ld->broadcast(self, S("said"), query));
    if (eq(path, "/say-large")) {
        size_t bytes = 3 << 20;
        char *large = malloc(bytes);
        memset(large, 'x', bytes);
        apus_status status = ld->broadcast(self, S("large"), (apus_str){large, bytes});
        free(large);
        return answerf(r, "%d", status);
    }
    if (eq(path, "/say-badly")) return answerf(r, "%d %d", ld->broadcast(self, S(""), query), ld->broadcast(self, S("a\nb"), query));
    if (eq(path, "/lease")) return answerf(r, "%d %d", worker, ld->lease(self, S("work")));
    if (eq(path, "/release")) return answerf(r, "%d %d", worker, ld->release(self, S("work")));
    if (eq(path, "/left")) return answerf(r, "%s", left);
    if (eq(path, "/count")) return answerf(r, "%lld %d %d", (long long)++*lasting, inherited, previous_length);
    if (eq(path, "/late")) return answerf(r, "%d %d", late_watch, late_put);
    if (eq(path, "/generation")) return answerf(r, "%lld", (long long)sv->process_number(self, APUS_P_GENERATION));
    return APUS_DECLINED;
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    ld = host->extension(host, APUS_EXT_LEADER);
    ho = host->extension(host, APUS_EXT_HANDOVER);
    on_any(host, "open_config", "i(xuU)", (apus_fn)open_config, NULL);
    on_any(host, "child_init", "v(x)", (apus_fn)child_init, NULL);
    return on(host, "handler", APUS_MIDDLE, handler, NULL);
}

static const char *const needed[] = {APUS_EXT_SHM, APUS_EXT_LEADER, APUS_EXT_HANDOVER, NULL};
static const apus_module description = {BASICS("abi_leader_module"), .requires_ids = needed, .attach = attach};
EXPORT(description)
