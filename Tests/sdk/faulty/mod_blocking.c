/* mod_blocking: holds the loop for 200 milliseconds. */
#include <apus/all.h>
#include <string.h>
#include <unistd.h>

static const apus_request_v1 *request;
static const apus_body_v1 *body;

static apus_status handle(void *ctx, apus_req *r) {
    apus_str handler = request->get(r, APUS_R_HANDLER);
    if (handler.len != 8 || memcmp(handler.ptr, "blocking", 8) != 0) return APUS_DECLINED;
    usleep(200000);
    return body->reply(r, 200, (apus_str){"text/plain", 10}, (apus_str){"done\n", 5});
}

static apus_status attach(const apus_host *h, void **ctx) {
    request = h->extension(h, APUS_EXT_REQUEST);
    body = h->extension(h, APUS_EXT_BODY);
    const apus_hooks_v1 *hooks = h->extension(h, APUS_EXT_HOOKS);
    const apus_hook_reg reg = {
        .size = sizeof reg, .position = APUS_MIDDLE, .hook = "handler", .signature = "i(xR)", .fn = (apus_fn)handle,
    };
    return hooks->add(h, &reg);
}

static const char *const needs[] = {APUS_EXT_REQUEST, APUS_EXT_BODY, APUS_EXT_HOOKS, NULL};

static const apus_module module = {
    .size = sizeof module, .abi_major = APUS_ABI_MAJOR, .abi_minor_min = APUS_ABI_MINOR,
    .name = "blocking_module", .version = "1.0", .toolchain = "c", .requires_ids = needs,
    .attach = attach,
};

APUS_EXPORT const apus_module *apus_module_entry(const apus_host *h, const char *name) {
    return *name == '\0' || strcmp(name, module.name) == 0 ? &module : NULL;
}
