/* As many empty hooks of requests as HOOKS in the environment says. */
#include <apus/all.h>
#include <stdlib.h>

static apus_status empty(void *ctx, apus_req *r) { return APUS_DECLINED; }

static apus_status attach(const apus_host *h, void **ctx) {
    const apus_hooks_v1 *hooks = h->extension(h, APUS_EXT_HOOKS);
    const apus_hook_reg reg = {.size = sizeof reg, .position = APUS_MIDDLE, .hook = "fixups", .signature = "i(xR)", .fn = (apus_fn)empty};
    apus_status status = APUS_OK;
    for (int left = atoi(getenv("HOOKS")); left > 0 && status == APUS_OK; left--) status = hooks->add(h, &reg);
    return status;
}

static const char *const needs[] = {APUS_EXT_HOOKS, NULL};
static const apus_module module = {
    .size = sizeof module, .abi_major = APUS_ABI_MAJOR, .abi_minor_min = APUS_ABI_MINOR, .name = "empty_module", .version = "1.0",
    .toolchain = "c", .requires_ids = needs,
    .attach = attach,
};

APUS_EXPORT const apus_module *apus_module_entry(const apus_host *h, const char *name) { return &module; }
