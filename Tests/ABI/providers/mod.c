/* One module that offers providers and functions ("giver"), one that uses them ("taker"), and two that may
 * not. */
#include "abi_test.h"

#define GROUP "abi-greet/1"

typedef struct greeting {
    uint32_t size, flags;
    int32_t (*greet)(void *ctx, int32_t n);
} greeting;

static int32_t greet(void *ctx, int32_t n) {
    return n * 10 + *(const int32_t *)ctx;
}
static int32_t one = 1, two = 2;
static const greeting table = {sizeof table, 0, greet};

static int32_t add(void *ctx, int32_t a, int32_t b) {
    return a + b + (ctx ? *(int32_t *)ctx : 0);
}
static double scale(void *ctx, double x) {
    (void)ctx;
    return x * 2.5;
}
static int64_t length(void *ctx, apus_str s) {
    (void)ctx;
    return (int64_t)s.len << 33;
}
static uint64_t mixed(void *ctx, int32_t a, uint32_t b, int64_t c, uint64_t d, double e, apus_str s,
                      void *p) {
    (void)ctx;
    return (uint64_t)a + b + (uint64_t)c + d + (uint64_t)e + s.len + (p ? 1 : 0);
}
static void nothing(void *ctx, int32_t *out) {
    (void)ctx;
    *out = 7;
}

static apus_status attach_giver(const apus_host *host, void **ctx) {
    (void)ctx;
    pv->provide(host, GROUP, S("hello"), &table, &one);
    pv->provide(host, GROUP, S("bye"), &table, &two);
    fu->publish(host, "abi.add", "i(xii)", (apus_fn)add, NULL);
    fu->publish(host, "abi.add-one", "i(xii)", (apus_fn)add, &one);
    fu->publish(host, "abi.scale", "d(xd)", (apus_fn)scale, NULL);
    fu->publish(host, "abi.length", "I(xs)", (apus_fn)length, NULL);
    fu->publish(host, "abi.mixed", "U(xiuIUdsp)", (apus_fn)mixed, NULL);
    return fu->publish(host, "abi.nothing", "v(xp)", (apus_fn)nothing, NULL);
}

static const apus_host *self;
static apus_link found_add;
static int32_t find_status[4];

static void retrieve(void *ctx) {
    (void)ctx;
    apus_link wrong;
    find_status[0] = fu->find(self, "abi.add", "i(xii)", &found_add);
    find_status[1] = fu->find(self, "abi.add", "i(xiI)", &wrong);
    find_status[2] = fu->find(self, "abi.absent", "v(x)", &wrong);
    const void *vtable;
    void *its;
    find_status[3] = pv->find(self, GROUP, S("hello"), &vtable, &its);
}

static void visit(void *arg, apus_str name, apus_str module, const void *vtable, void *ctx) {
    say(arg, "%.*s of %.*s %d\n", F(name), F(module), ((const greeting *)vtable)->greet(ctx, 4));
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str path = rq->get(r, APUS_R_PATH);
    out o = {0, ""};
    if (eq(path, "/found")) {
        say(&o, "%d %d %d %d\n", find_status[0], find_status[1], find_status[2], find_status[3]);
    } else if (eq(path, "/call")) {
        if (found_add.fn)
            say(&o, "%d\n", ((int32_t(*)(void *, int32_t, int32_t))found_add.fn)(found_add.ctx, 40, 2));
        else say(&o, "none\n");
    } else if (eq(path, "/each")) {
        pv->each(self, GROUP, visit, &o);
        pv->each(self, "abi-absent/1", visit, &o);
    } else if (eq(path, "/find")) {
        const void *vtable = NULL;
        void *its = NULL;
        say(&o, "%d", pv->find(self, GROUP, S("bye"), &vtable, &its));
        if (vtable)
            say(&o, " %d %u", ((const greeting *)vtable)->greet(its, 5), ((const greeting *)vtable)->size);
        say(&o, " %d %d\n", pv->find(self, GROUP, S("absent"), &vtable, &its),
            pv->find(self, "abi-greet/2", S("bye"), &vtable, &its));
    } else if (eq(path, "/invoke")) {
        int32_t a = -50, b = 8, out_value = 0, *place = &out_value;
        uint32_t u = 4000000000u;
        int64_t c = -1, result = 99;
        uint64_t d = 1ull << 40;
        double x = 1.5, e = 3.9;
        apus_str s = S("four");
        void *p = &a;
        say(&o, "%d", fu->invoke(self, "abi.add", "i(xii)", &result, (void *const[]){&a, &b}));
        say(&o, " %d\n", (int32_t)result);
        say(&o, "wide %lld\n", (long long)result);
        fu->invoke(self, "abi.add-one", "i(xii)", &result, (void *const[]){&b, &b});
        say(&o, "ctx %d\n", (int32_t)result);
        double y = 0;
        fu->invoke(self, "abi.scale", "d(xd)", &y, (void *const[]){&x});
        say(&o, "double %.2f\n", y);
        fu->invoke(self, "abi.length", "I(xs)", &result, (void *const[]){&s});
        say(&o, "string %lld\n", (long long)(result >> 33));
        fu->invoke(self, "abi.mixed", "U(xiuIUdsp)", &result, (void *const[]){&a, &u, &c, &d, &e, &s, &p});
        say(&o, "mixed %llu\n", (unsigned long long)result);
        say(&o, "void %d", fu->invoke(self, "abi.nothing", "v(xp)", NULL, (void *const[]){&place}));
        say(&o, " %d\n", out_value);
        say(&o, "wrong %d %d\n", fu->invoke(self, "abi.add", "v(x)", NULL, NULL),
            fu->invoke(self, "abi.absent", "v(x)", NULL, NULL));
    } else {
        return APUS_DECLINED;
    }
    return answer(r, &o);
}

static apus_status attach_taker(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    on_any(host, "optional_fn_retrieve", "v(x)", (apus_fn)retrieve, NULL);
    return on(host, "handler", APUS_MIDDLE, handler, NULL);
}

static apus_status attach_rival(const apus_host *host, void **ctx) {
    (void)ctx;
    return pv->provide(host, GROUP, S("hello"), &table, &two);
}
static apus_status attach_rivalfn(const apus_host *host, void **ctx) {
    (void)ctx;
    return fu->publish(host, "abi.add", "i(xii)", (apus_fn)add, NULL);
}
static apus_status attach_badfn(const apus_host *host, void **ctx) {
    (void)ctx;
    return fu->publish(host, "abi.bad", "q(z)", (apus_fn)add, NULL);
}

static const apus_module modules[] = {
    {BASICS("abi_providers_giver_module"), .attach = attach_giver},
    {BASICS("abi_providers_taker_module"), .attach = attach_taker},
    {BASICS("abi_providers_rival_module"), .attach = attach_rival},
    {BASICS("abi_providers_rivalfn_module"), .attach = attach_rivalfn},
    {BASICS("abi_providers_badfn_module"), .attach = attach_badfn},
};
EXPORT_ONE_OF(modules)
