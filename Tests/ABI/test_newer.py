"""A module of headers that are newer than this host: everything that it hands over is longer, and what is beyond is not touched."""

import pathlib

import pytest
from support.building import build_module
from support.wire import fetch, get

HERE = pathlib.Path(__file__).resolve().parent

MODULE = """\
#include "abi_test.h"

/* What a later header may have appended. */
#define LATER(type) struct { type now; uint64_t later[4]; }
#define UNTOUCHED {0x5a5a5a5a5a5a5a5a, 0x5a5a5a5a5a5a5a5a, 0x5a5a5a5a5a5a5a5a, 0x5a5a5a5a5a5a5a5a}

static const apus_host *self;
static int parsed;

static apus_status count(void *ctx, const apus_cmd *cmd, void *conf, const apus_str *argv, uint32_t argc) {
    (void)ctx, (void)cmd, (void)conf;
    parsed = parsed * 10 + atoi(argv[0].ptr) + (int)argc - 1;
    return APUS_OK;
}

static const LATER(apus_directive) rows[] = {
    {{"AbiNewerOne", 1, 1, APUS_IN_SERVER, 0, 0, APUS_SHAPE_ARGS, count, "number", NULL}, UNTOUCHED},
    {{"AbiNewerTwo", 1, 1, APUS_IN_SERVER, 0, 0, APUS_SHAPE_ARGS, count, "number", NULL}, UNTOUCHED},
};

static void *create(void *ctx, apus_pool *pool, const apus_scope *scope) {
    (void)ctx, (void)scope;
    return po->zalloc(pool, 8);
}
static const LATER(apus_conf_ops) conf = {{sizeof conf, 0, create, NULL}, UNTOUCHED};

static apus_status shout(void *ctx, apus_filter *f, apus_chain *chain) {
    (void)ctx;
    LATER(apus_segment) segment = {{.size = sizeof segment}, UNTOUCHED};
    const LATER(apus_segment) before = {{.size = sizeof segment}, UNTOUCHED};
    if (bd->peek(chain, &segment.now) == APUS_OK && memcmp(segment.later, before.later, sizeof before.later) == 0)
        hd->set(fl->request(f), APUS_HEADERS_OUT, S("X-Segment"), S("whole"));
    return fl->pass(f, chain);
}

static apus_status decide(void *ctx, apus_req *r, void *its) {
    (void)ctx, (void)r, (void)its;
    return APUS_AUTHZ_GRANTED;
}
static apus_status parse(void *ctx, const apus_cmd *cmd, apus_str text, void **its) {
    (void)ctx, (void)cmd, (void)text;
    *its = &parsed;
    return APUS_OK;
}
static const LATER(apus_authz_v1) granted = {{sizeof granted, 0, parse, decide, NULL}, UNTOUCHED};

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    return answerf(r, "%d %d", parsed, rq->dir_conf(r, self) == NULL && rq->server_conf(r, self) != NULL);
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    static const LATER(apus_hook_reg) hook = {
        {.size = sizeof hook, .position = APUS_MIDDLE, .hook = "handler", .signature = "i(xR)", .fn = (apus_fn)handler}, UNTOUCHED};
    static const LATER(apus_filter_reg) filter = {
        {.size = sizeof filter, .direction = APUS_OUTPUT, .stage = APUS_STAGE_CONTENT, .name = "ABINEWER", .process = shout}, UNTOUCHED};
    apus_status status = hk->add(host, &hook.now);
    if (status == APUS_OK) status = fl->add(host, &filter.now);
    if (status == APUS_OK) status = pv->provide(host, APUS_GROUP_AUTHZ, S("abi-newer"), &granted, NULL);
    return status;
}

static const LATER(apus_module) description = {
    {.size = sizeof description, .abi_major = APUS_ABI_MAJOR, .abi_minor_min = 0, .n_directives = 2,
     .directive_stride = sizeof rows[0], .name = "newer_module", .version = "1", .toolchain = "c",
     .directives = &rows[0].now, .server_conf = &conf.now, .attach = attach},
    UNTOUCHED};

APUS_EXPORT const apus_module *apus_module_entry(const apus_host *host, const char *name) {
    use(host);
    return strcmp(name, "newer_module") == 0 ? &description.now : NULL;
}
"""

CONFIG = """\
LoadModule newer_module {file}
AbiNewerOne 4
AbiNewerTwo 2
<Location "/">
    SetHandler abi
    SetOutputFilter ABINEWER
    Require abi-newer
</Location>
"""


@pytest.fixture(scope="module")
def file(scratch):
    return build_module(MODULE, scratch / "newer", "newer", flags=[f"-I{HERE}"])


def test_it_runs(apus, file):
    with apus(CONFIG.format(file=file)) as server:
        answer = fetch(server.port, get("/"))
        assert answer.status == 200 and answer.body == b"42 1"
        assert answer.header("X-Segment") == "whole"
