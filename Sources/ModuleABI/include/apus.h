/* apus.h — values, handles, the host, the module descriptor and its directives.
 *
 * This is the root of the contract between the Apus host and its modules. A module is a shared object
 * that exports exactly one function, `apus_module_entry`; everything else is reached through it.
 *
 * Status: ABI 1.0, frozen. What is declared here and in apus/ keeps its name, place and meaning; docs/abi.md says for how long.
 * Drafts are apart, in apus/draft/.
 *
 * Threads. Every function and callback states where it may be called:
 *   [main]   while the configuration is read, one thread, before workers are forked
 *   [leader] in the leader while its workers serve: the same thread as [main]
 *   [conn]   serialised with its connection: never two calls at once for one connection
 *   [req]    by whoever holds the request: its loop, or the pool thread it is lent to
 *   [pool]   on a thread of the worker's blocking pool
 *   [owner]  whoever may use the object the pool belongs to
 *   [any]    everywhere
 *
 * Hooks and callbacks are [conn] unless it is said otherwise. A callback may call every function whose mark holds where it runs:
 * one that is [conn] calls those marked [conn], [req] and [any], one on a lent thread those marked [req] and [any]. The host holds no
 * lock meanwhile. What is called on a wrong thread answers APUS_E_THREAD where it can tell.
 *
 * Memory. You free what you allocated; nothing else crosses. Strings handed out by the host live as long as
 * the object they were asked from, and later changes never invalidate an earlier apus_str. Out parameters are set only with
 * the answers that say so. A pointer may be NULL only where a comment says so.
 *
 * Strings. Names that a module's source bears (hooks, groups, functions, extension ids) are C strings in UTF-8; whatever comes
 * from configuration or clients is an apus_str, which may hold any byte, NUL included.
 *
 * Growth. Structures and tables that begin with `size` may get further members at their end, never others: whoever reads one
 * takes what lies beyond `size` as absent (APUS_HAS), and whoever fills one for another writes no further. The others are
 * complete for ever: apus_str, apus_link. Lists come with a stride. `reserved` is 0 and nobody's, if nothing else is said. A bit of
 * `flags` that the host does not know is refused, as are values of shape, stage, kind and their like. A number of a field or
 * fact that the host does not know is unset, or 0; `abi_minor` tells which there are. Values that the host hands out get no
 * company inside a revision: what means something else gets a new id.
 */
#ifndef APUS_H
#define APUS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A host serves modules of its own major, up to its own minor. */
#define APUS_ABI_MAJOR 1u /**< changes never, if it can be helped */
#define APUS_ABI_MINOR 0u /**< grows with what is added */

/* ---- values ------------------------------------------------------------------------------------------- */

/** Borrowed bytes: any encoding, no terminating NUL implied. `ptr` may be NULL when `len` is 0. */
typedef struct apus_str {
    const char *ptr;
    size_t len;
} apus_str;

/** What a call or a hook answers: one of APUS_OK … APUS_RECOVERED, an HTTP status (100…599), or a negative error. Others are
 *  not used; a negative one that a module does not know is an error like APUS_E_FAIL. A few functions answer numbers of their
 *  own and say so. */
typedef int32_t apus_status;

#define APUS_OK 0        /**< done; a hook of kind FIRST ends its phase, one of kind ALL lets the next one run */
#define APUS_DECLINED 1  /**< not mine: the next one is asked */
#define APUS_DONE 2      /**< the request is answered: skip what is left but logging */
#define APUS_SUSPENDED 3 /**< a task taken with apus_tasks_v1.suspend will go on later */
#define APUS_AGAIN 4     /**< nothing now: ask again when the host says so */
#define APUS_RECOVERED 5 /**< of apus_mutex_v1.lock: it is yours, and its last owner died with it */

#define APUS_E_FAIL (-1)         /**< failed; the reason has been logged or set with apus_config_v1.fail */
#define APUS_E_NOMEM (-2)        /**< no memory, or over a limit of the pool */
#define APUS_E_INVALID (-3)      /**< an argument is outside its range, or a table's size is too small */
#define APUS_E_NOT_FOUND (-4)    /**< no such name */
#define APUS_E_TYPE (-5)         /**< the name exists with another signature */
#define APUS_E_STALE (-6)        /**< the task, connection or request is gone */
#define APUS_E_EXISTS (-7)       /**< the name is taken */
#define APUS_E_TOO_BIG (-8)      /**< the value does not fit */
#define APUS_E_IO (-9)           /**< the system refused; errno says why */
#define APUS_E_THREAD (-10)      /**< called on a thread where it is not allowed */
#define APUS_E_CLOSED (-11)      /**< the peer has gone */
#define APUS_E_UNSUPPORTED (-12) /**< not offered by this host, provider or build */
#define APUS_E_TIMEOUT (-13)     /**< the time is over */

/** A function of unknown type; always cast back to the type its signature text states before a call. */
typedef void (*apus_fn)(void);

/** A callback with its context. Call `fn` as the type that its signature says, with `ctx` first. */
typedef struct apus_link {
    apus_fn fn;
    void *ctx;
    uint32_t flags; /**< the APUS_HOOK_… flags it was registered with */
    uint32_t reserved; /**< the host's own */
} apus_link;

/** Names a suspended request from anywhere; 0 is none. A stale one is answered APUS_E_STALE. */
typedef uint64_t apus_task;
/** Names a connection from anywhere; 0 is none. */
typedef uint64_t apus_token;

/* ---- handles: opaque, borrowed, never freed by a module ------------------------------------------------ */

typedef struct apus_req apus_req;       /**< one request */
typedef struct apus_conn apus_conn;     /**< one connection */
typedef struct apus_server apus_server; /**< the main server or a virtual host */
typedef struct apus_pool apus_pool;     /**< memory that is freed at once */
typedef struct apus_scope apus_scope;   /**< where in the configuration a value stands */
typedef struct apus_cmd apus_cmd;       /**< one directive being handled */
typedef struct apus_chain apus_chain;   /**< a sequence of body segments */
typedef struct apus_filter apus_filter; /**< one filter on one request */
typedef struct apus_hook apus_hook;     /**< a declared hook */
typedef struct apus_regex apus_regex;   /**< a compiled regular expression */
typedef struct apus_methods apus_methods; /**< the methods that a <Limit> names */
typedef struct apus_expr apus_expr;     /**< a compiled expression */
typedef struct apus_log_sink apus_log_sink; /**< a log file, pipe or other target */
typedef struct apus_shm apus_shm;       /**< a shared memory segment */
typedef struct apus_mutex apus_mutex;   /**< a lock between processes */

/* ---- the host ------------------------------------------------------------------------------------------ */

typedef struct apus_host apus_host;

/** What the host gives a module: one per module, so the host knows who is calling. Valid for ever, once `attach` was called
 *  with it. */
struct apus_host {
    uint32_t size; /**< sizeof(apus_host) as the host was built */
    uint16_t abi_major, abi_minor; /**< APUS_ABI_MAJOR and APUS_ABI_MINOR as the host was built */
    void *self;                    /**< the host's own; do not touch */
    /** The table of functions named `id`, such as "apus.request/1". [any]
     *  @return a table that begins with its size and is valid for ever, or NULL: not offered by this host */
    const void *(*extension)(const apus_host *host, const char *id);
};

/** Whether a table that begins with `size` is there and reaches far enough to hold `member`; what is in it may be NULL. To be
 *  asked for each member that came after ABI 1.0. */
#define APUS_HAS(table, member) \
    ((table) != NULL && (table)->size >= offsetof(__typeof__(*(table)), member) + sizeof((table)->member))

/* ---- directives: static data, known to the parser before any module code runs ------------------------- */

/* Where a directive may stand. */
#define APUS_IN_SERVER 0x01u     /**< outside all sections, and in <VirtualHost> */
#define APUS_IN_GLOBAL 0x02u     /**< outside all sections only */
#define APUS_IN_DIRECTORY 0x04u  /**< <Directory>, <DirectoryMatch> */
#define APUS_IN_LOCATION 0x08u   /**< <Location>, <LocationMatch> */
#define APUS_IN_FILES 0x10u      /**< <Files>, <FilesMatch> */
#define APUS_IN_HTACCESS 0x20u   /**< .htaccess, when AllowOverride allows its override class */
#define APUS_IN_SECTIONS (APUS_IN_DIRECTORY | APUS_IN_LOCATION | APUS_IN_FILES)
#define APUS_IN_ANY (APUS_IN_SERVER | APUS_IN_SECTIONS | APUS_IN_HTACCESS)

/* The class of AllowOverride that admits it in .htaccess. */
#define APUS_OVERRIDE_NONE 0u
#define APUS_OVERRIDE_AUTH 0x01u
#define APUS_OVERRIDE_FILEINFO 0x02u
#define APUS_OVERRIDE_INDEXES 0x04u
#define APUS_OVERRIDE_LIMIT 0x08u
#define APUS_OVERRIDE_OPTIONS 0x10u

/* How the rest of the line is given to `handle`. */
#define APUS_SHAPE_ARGS 0u    /**< min_args … max_args words */
#define APUS_SHAPE_FLAG 1u    /**< one word, On or Off in any case; argv[0] is "On" or "Off" */
#define APUS_SHAPE_RAW 2u     /**< one argument: the rest of the line as it stands */
#define APUS_SHAPE_EACH 3u    /**< one call a word */
#define APUS_SHAPE_PAIRS 4u   /**< the first word with each of the others, one call a pair */
#define APUS_SHAPE_SECTION 5u /**< a section; argv[0] is its argument; walk its body with apus_config_v1.walk */

#define APUS_MANY 0xffffu /**< max_args: no bound */

/* Flags of a directive. */
#define APUS_DIRECTIVE_DIR_CONF 0x01u   /**< `conf` is the directory configuration; else the server configuration */
#define APUS_DIRECTIVE_ONCE 0x02u       /**< a second one in the same scope is an error */
#define APUS_DIRECTIVE_SECRET 0x04u     /**< its arguments are redacted in dumps */
#define APUS_DIRECTIVE_DEPRECATED 0x08u /**< accepted with a warning that quotes `help` */

/** One directive. Rows grow at their end: `directive_stride` says how long they are. */
typedef struct apus_directive {
    const char *name;        /**< compared without case; that of a section may begin with '<' */
    uint32_t min_args, max_args;
    uint32_t where;          /**< APUS_IN_… */
    uint32_t override_class; /**< APUS_OVERRIDE_…, consulted in .htaccess only */
    uint32_t flags;          /**< APUS_DIRECTIVE_… */
    uint32_t shape;          /**< APUS_SHAPE_… */
    /** Handles one directive. [main], or [conn] for .htaccess.
     *  @param ctx   what the module's `attach` returned
     *  @param conf  the module's configuration of the scope at hand, server or directory (flags)
     *  @param argv  valid for the call only
     *  @return APUS_OK, or what apus_config_v1.fail returned */
    apus_status (*handle)(void *ctx, const apus_cmd *cmd, void *conf, const apus_str *argv, uint32_t argc);
    const char *help; /**< one line: what its arguments are */
    void *data;       /**< the module's own for this row; see apus_config_v1.data */
} apus_directive;

/* Flags of a kind of configuration. */
#define APUS_CONF_INHERITED 0x01u /**< server: a virtual host without directives of the module has the main server's value
                                       itself. For those whose merging changes nothing then, and that are not changed later */

/** How the module's configuration of one kind is made and merged. All [main], or [conn] for merges at request time. */
typedef struct apus_conf_ops {
    uint32_t size;
    uint32_t flags; /**< APUS_CONF_… */
    /** Makes an empty configuration for `scope` in `pool`; where no directive asks for one it may never be called. NULL member:
     *  the module has none of this kind. */
    void *(*create)(void *ctx, apus_pool *pool, const apus_scope *scope);
    /** Makes in `pool` what holds where `over` stands inside `base`; neither is changed. NULL member: `over` replaces `base`. */
    void *(*merge)(void *ctx, apus_pool *pool, const void *base, const void *over);
} apus_conf_ops;

/* ---- the module ---------------------------------------------------------------------------------------- */

/* Flags of a module; a host that does not know a bit refuses the module. */
#define APUS_MODULE_ONE_REQUEST 0x01u /**< bears only one request at a time in a process */

/** The module descriptor: static data. */
typedef struct apus_module {
    uint32_t size; /**< sizeof(apus_module) as the module was built */
    uint16_t abi_major;     /**< APUS_ABI_MAJOR */
    uint16_t abi_minor_min; /**< the least minor it works with. 0 will do, unless it uses what came later without APUS_HAS */
    uint32_t flags;         /**< APUS_MODULE_… */
    uint32_t n_directives, directive_stride; /**< stride: sizeof(apus_directive) as the module was built */
    const char *name;                        /**< as in LoadModule's first argument: "ssl_module" */
    const char *version;
    const char *toolchain; /**< "c", "rust-…", "swift-6.3.1 shared" or "swift-6.3.1 static" */
    const char *const *requires_ids; /**< extension ids it cannot do without, NULL terminated; may be NULL */
    const char *const *optional_ids; /**< extension ids it uses when they are there; may be NULL */
    const apus_directive *directives;
    const apus_conf_ops *server_conf, *dir_conf; /**< NULL: it has none of this kind */
    /** Registers hooks, filters, providers and functions; `*ctx` comes back first in every callback. [main]
     *  May start no thread and bind nothing. @return APUS_OK, or an error: the server does not start */
    apus_status (*attach)(const apus_host *host, void **ctx);
    /** After the last callback of this generation. [main] May be NULL. */
    void (*detach)(void *ctx);
} apus_module;

/** The type of `apus_module_entry`, the only symbol a module exports. [main] `name` is LoadModule's first argument: one file may
 *  hold several modules. An empty name asks for the first, so that a message can say what the file holds. It may be called more
 *  than once, and with a `host` that lives for the call only: keep the one that `attach` gets.
 *  @return the descriptor, or NULL when the file holds no module of that name */
typedef const apus_module *apus_module_entry_fn(const apus_host *host, const char *name);

/** Marks the entry function in C. */
#define APUS_EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus
}
#endif
#endif
