/* apus/functions.h — optional functions: offered by one module, used by another: "apus.functions/1". */
#ifndef APUS_FUNCTIONS_H
#define APUS_FUNCTIONS_H
#include "../apus.h"

#define APUS_EXT_FUNCTIONS "apus.functions/1"

typedef struct apus_functions_v1 {
    uint32_t size, reserved;
    /** Offers `fn` under `name`, "module.function". Signatures as in apus/hooks.h. [main], from `attach`.
     *  @return APUS_OK, APUS_E_EXISTS, or APUS_E_INVALID for a bad signature */
    apus_status (*publish)(const apus_host *host, const char *name, const char *signature, apus_fn fn, void *ctx);
    /** Finds a function. [main], from optional_fn_retrieve on.
     *  @return APUS_OK, APUS_E_NOT_FOUND, or APUS_E_TYPE (logged with both signatures) */
    apus_status (*find)(const apus_host *host, const char *name, const char *signature, apus_link *out);
    /** Calls a function through libffi, for callers without a typed pointer. [any]
     *  @param result  where its result goes: 8 bytes, 16 for s; may be NULL
     *  @param args    pointers to the arguments after ctx, in order
     *  @return as `find` */
    apus_status (*invoke)(const apus_host *host, const char *name, const char *signature, void *result,
                          void *const *args);
} apus_functions_v1;

#endif
