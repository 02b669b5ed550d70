/* apus/server.h — servers and the process: "apus.server/1". All [any]. */
#ifndef APUS_SERVER_H
#define APUS_SERVER_H
#include "../apus.h"

#define APUS_EXT_SERVER "apus.server/1"

/* Strings of a server. */
#define APUS_S_NAME 0u          /**< ServerName's host */
#define APUS_S_DEFINED_IN 1u    /**< the file its section stands in */
#define APUS_S_DOCUMENT_ROOT 2u
#define APUS_S_ADMIN 3u
#define APUS_S_PROTOCOLS 4u     /**< Protocols: names with a space in between, the most wanted first; "http/1.1" is among them */
#define APUS_S_ADDRESSES 5u     /**< of a virtual host, as its section has them: "*:80 192.0.2.1:443". [main] */

/* Numbers of a server. */
#define APUS_S_PORT 0x100u                  /**< ServerName's port, or 0 */
#define APUS_S_LINE 0x101u                  /**< the line its section begins at; 0: the main server */
#define APUS_S_IS_VIRTUAL 0x102u
#define APUS_S_TIMEOUT_US 0x103u
#define APUS_S_INDEX 0x104u                 /**< 0: the main server, then in order of the configuration */
#define APUS_S_HONORS_PROTOCOL_ORDER 0x105u /**< ProtocolsHonorOrder; 0: the client's order counts */

/* Facts of the process. */
#define APUS_P_SERVER_ROOT 0u   /**< string */
#define APUS_P_VERSION 1u       /**< string: "Apus/1.0.0" */
#define APUS_P_WORKER 0x100u         /**< number: index of this worker, or -1 in the leader. A worker that makes room for
                                          another (MaxConnectionsPerChild) shares its index with it for a while */
#define APUS_P_WORKERS 0x101u        /**< number: workers that serve; an index is below it */
#define APUS_P_GENERATION 0x102u     /**< number: 1 for the first start, one more for each that was begun since */
#define APUS_P_NOW_US 0x103u         /**< number: microseconds since 1970, as of this turn of the loop */
#define APUS_P_CLOCK_US 0x104u       /**< number: the same, read now */
#define APUS_P_USER_ID 0x105u        /**< number: whom the workers run as; to whom files belong that they shall write */
#define APUS_P_GROUP_ID 0x106u       /**< number: their group */
#define APUS_P_REQUEST_TAIL 0x107u   /**< number: SeeRequestTail; 1: the end of a long request line is shown, not its beginning */
#define APUS_P_EXTENDED_STATUS 0x108u /**< number: ExtendedStatus; 0: single requests are not shown. On unless it says Off */
#define APUS_P_FAILED_RELOADS 0x109u /**< number: reloads that came to nothing since the server was started */

/** A loaded module. */
typedef struct apus_module_fact {
    uint32_t size, reserved;
    apus_str name, version; /**< as in its descriptor */
    apus_str file;          /**< empty: it is built in */
    apus_str toolchain;     /**< as in its descriptor */
} apus_module_fact;

typedef struct apus_server_v1 {
    uint32_t size, reserved;
    /** One of its strings, APUS_S_…; {NULL, 0}: unset. Lives as long as the configuration. */
    apus_str (*get)(const apus_server *s, uint32_t field);
    /** One of its numbers, APUS_S_…. */
    int64_t (*number)(const apus_server *s, uint32_t field);
    /** The main server. */
    const apus_server *(*first)(const apus_host *host);
    /** The next virtual host, or NULL. */
    const apus_server *(*next)(const apus_server *s);
    /** The calling module's server configuration. */
    void *(*conf)(const apus_server *s, const apus_host *host);
    /** The calling module's directory configuration of the server, before any section. */
    void *(*dir_conf)(const apus_server *s, const apus_host *host);
    /** A fact of the process that is a string, APUS_P_…; {NULL, 0}: unset. Lives as long as the configuration. */
    apus_str (*process)(const apus_host *host, uint32_t fact);
    /** A fact of the process that is a number, APUS_P_…. */
    int64_t (*process_number)(const apus_host *host, uint32_t fact);
    /** Whether -D or Define defines a name: 1 or 0. */
    int32_t (*is_defined)(const apus_host *host, apus_str name);
    /** Calls `fn` for each loaded module, in order of loading, during the call. */
    void (*each_module)(const apus_host *host, void (*fn)(void *arg, const apus_module_fact *module), void *arg);
    /** The pool that lives as long as the configuration. [main] */
    apus_pool *(*pool)(const apus_host *host);
} apus_server_v1;

#endif
