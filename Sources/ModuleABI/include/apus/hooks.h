/* apus/hooks.h — hooks by httpd's names, and hooks of a module's own: "apus.hooks/1". */
#ifndef APUS_HOOKS_H
#define APUS_HOOKS_H
#include "../apus.h"

#define APUS_EXT_HOOKS "apus.hooks/1"

/* Where among the others a hook runs. Inside one position: after/before edges, then module names. */
#define APUS_FIRST (-10)
#define APUS_EARLY 0
#define APUS_MIDDLE 10
#define APUS_LATE 20
#define APUS_LAST 30

#define APUS_HOOK_MAY_BLOCK 0x01u    /**< runs on the blocking pool; may call [req] and [any] functions only. For a
                                          sub-request, whose answer is wanted at once, it runs where that is asked for */
#define APUS_HOOK_MAY_SUSPEND 0x02u  /**< may return APUS_SUSPENDED, but for a sub-request */
#define APUS_HOOK_EXPLAINABLE 0x04u  /**< also runs for `apus explain`, then without any side effect */
#define APUS_HOOK_INITIAL_ONLY 0x08u /**< not for sub-requests and internal redirects */

/* How the links of a hook are run. */
#define APUS_RUN_VOID 0u  /**< all of them, results ignored */
#define APUS_RUN_ALL 1u   /**< all of them, until one answers neither OK nor DECLINED */
#define APUS_RUN_FIRST 2u /**< until one does not answer DECLINED */

/* The built-in hooks, with their signatures.
 *
 *   optional_fn_retrieve  v(x)      VOID   every module is attached: find functions of others
 *   check_config          i(x)      ALL    configuration read: APUS_OK or an error already reported
 *   open_config           i(xuU)    ALL    reason (APUS_OPEN_…), generation number: open logs, keys, shared memory
 *   child_init            v(x)      VOID   in each worker, after it dropped its privileges
 *   child_exit            v(x)      VOID   in each worker, before it ends
 *   pre_connection        i(xC)     ALL    a connection was accepted; set its transport here
 *   process_connection    i(xC)     ALL    its transport has agreed, or it has none: take it for a protocol of one's own
 *   close_connection      v(xC)     VOID   before its memory goes
 *   post_read_request     i(xR)     ALL    the head is read, the virtual host known; not for sub-requests
 *   quick_handler         i(xR)     FIRST  before any look-up
 *   translate_name        i(xR)     FIRST  path to file name
 *   map_to_storage        i(xR)     FIRST  file name to file and directory configuration
 *   header_parser         i(xR)     ALL    configuration known; not for sub-requests
 *   access_checker        i(xR)     ALL    by where the client is
 *   access_checker_ex     i(xR)     FIRST  OK: let in without asking who; DECLINED: ask who it is
 *   check_user_id         i(xR)     FIRST  who the user is; only after access_checker_ex declined
 *   auth_checker          i(xR)     FIRST  may this user do this; only after check_user_id
 *   type_checker          i(xR)     FIRST  content type, language, encoding, handler
 *   fixups                i(xR)     ALL    last changes before the handler
 *   insert_filter         v(xR)     VOID   add filters
 *   handler               i(xR)     FIRST  answers the request
 *   response_head         v(xR)     VOID   once, before the head of an answer is composed: last changes to its fields
 *   log_transaction       i(xR)     ALL    after the answer has been sent
 *   error_page            i(xRi)    FIRST  a chance to answer with another page for a status
 *   note_auth_failure     i(xRs)    FIRST  a user is asked for: set the fields that say how, for this AuthType
 *
 * A request that was redirected to, or asked about, by one that passed the four phases about access with the very same
 * directory configuration does not pass them again; user and AuthType are taken over.
 *
 * Reasons of open_config: */
#define APUS_OPEN_CHECK 0u  /**< `-t`: validate, create and bind nothing */
#define APUS_OPEN_START 1u
#define APUS_OPEN_RELOAD 2u

/** A registration. Set `size`; zero means the default for every other member. */
typedef struct apus_hook_reg {
    uint32_t size;
    int32_t position;
    const char *hook;      /**< "handler", or a module's own, "group.name" */
    const char *signature; /**< must equal the declared one, to the letter */
    apus_fn fn;            /**< first argument: ctx */
    void *ctx;
    const char *const *after, *const *before; /**< module names, NULL terminated; absent modules are ignored */
    uint32_t flags;                           /**< APUS_HOOK_… */
    uint32_t reserved;
} apus_hook_reg;

/* Signatures: RET(ARGS), one letter each, compared as text:
 *   v nothing · i int32 · u uint32 · I int64 · U uint64 · d double · s apus_str · r apus_status (as i) · p pointer
 *   x ctx · R request · C connection · S server · P pool · B chain · T task · <group.name/1> pointer to that struct */
typedef struct apus_hooks_v1 {
    uint32_t size, reserved;
    /** Adds a callback to a hook, declared before or after this call. [main], from `attach` only.
     *  An unknown hook, flag or signature fails the load with a line that says so.
     *  @return APUS_OK, APUS_E_INVALID, APUS_E_TYPE or APUS_E_THREAD */
    apus_status (*add)(const apus_host *host, const apus_hook_reg *reg);
    /** Declares a hook of the module's own, "group.name". [main], from `attach` only. A callback that is MAY_BLOCK or MAY_SUSPEND
     *  is called like any other: its flags are for whoever runs the hook. @param run_kind  APUS_RUN_…
     *  @return APUS_OK, APUS_E_EXISTS, or APUS_E_INVALID for a bad signature or kind */
    apus_status (*declare)(const apus_host *host, const char *hook, const char *signature, uint32_t run_kind,
                           apus_hook **out);
    /** The callbacks in their order; frozen once configuration is read. [any]
     *  @return *n of them, each *stride bytes after the one before; may be NULL when *n is 0 */
    const apus_link *(*links)(const apus_hook *hook, uint32_t *n, uint32_t *stride);
    /** Runs the hook through libffi for callers without a typed pointer. [any]
     *  @param result  where the last result goes: 8 bytes, 16 for s; may be NULL
     *  @param args    pointers to the arguments after ctx, in order
     *  @return APUS_OK, or APUS_E_UNSUPPORTED: its signature cannot be called so */
    apus_status (*invoke)(const apus_hook *hook, void *result, void *const *args);
    /** Finds a hook of the host or of another module. [main], from optional_fn_retrieve on; one of the host from `attach` on.
     *  @return APUS_OK, APUS_E_NOT_FOUND, or APUS_E_TYPE (logged with both signatures) */
    apus_status (*find)(const apus_host *host, const char *hook, const char *signature, const apus_hook **out);
} apus_hooks_v1;

#endif
