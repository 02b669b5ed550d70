/* apus/request.h — one request: "apus.request/1". All [req] unless said otherwise. */
#ifndef APUS_REQUEST_H
#define APUS_REQUEST_H
#include "../apus.h"

#define APUS_EXT_REQUEST "apus.request/1"

/* Strings of a request. (rw): may be set. An unset one is {NULL, 0}, and so may one be made. */
#define APUS_R_METHOD 0u            /**< rw; RFC 9110 section 9, case-sensitive */
#define APUS_R_TARGET 1u            /**< the request target as the client sent it */
#define APUS_R_PATH 2u              /**< rw; decoded, normalised path: begins with '/' but for "*" */
#define APUS_R_QUERY 3u             /**< rw; after '?', not decoded; ptr NULL when there was no '?' */
#define APUS_R_PROTOCOL 4u          /**< "HTTP/1.1" */
#define APUS_R_SCHEME 5u            /**< "http" or "https" */
#define APUS_R_HOST 6u              /**< host asked for, lower case, without port */
#define APUS_R_REQUEST_LINE 7u      /**< the first line as the client sent it */
#define APUS_R_FILENAME 8u          /**< rw; set by translate_name */
#define APUS_R_PATH_INFO 9u         /**< rw; what followed the file in the path */
#define APUS_R_HANDLER 10u          /**< rw */
#define APUS_R_CONTENT_TYPE 11u     /**< rw */
#define APUS_R_CONTENT_ENCODING 12u /**< rw */
#define APUS_R_CONTENT_LANGUAGE 13u /**< rw */
#define APUS_R_USER 14u             /**< rw */
#define APUS_R_AUTH_TYPE 15u        /**< rw */
#define APUS_R_LOCAL_ROOT 16u       /**< rw; the directory that stands for the document root here, if an alias set one */
#define APUS_R_PEER_ADDRESS 17u     /**< rw; the client's, which a module may correct */
#define APUS_R_CONTEXT_PREFIX 18u   /**< rw; the path that LOCAL_ROOT stands for, if an alias set one */
#define APUS_R_SIGNATURE 19u        /**< HTML for the foot of a page the server made, as ServerSignature says; empty: none */
#define APUS_R_SERVER_SOFTWARE 20u  /**< the product as ServerTokens says */
#define APUS_R_FILE_ETAG 21u        /**< the entity tag of the file as FileETag says; unset: none */
#define APUS_R_REASON 22u            /**< rw; what is said behind the status, set after it and as long as it holds; unset: the usual words */
#define APUS_R_PEER_NAME 23u        /**< what HostnameLookups found: the client's name, or its address; unset without a look-up */
#define APUS_R_SERVER_NAME 24u      /**< the server's name in its own URLs; see UseCanonicalName */
#define APUS_R_LOG_ID 25u           /**< what its lines in the error log have in common; unset: there is none */

/* Numbers of a request. They have nothing in common with the strings. */
#define APUS_R_STATUS 0x100u            /**< rw */
#define APUS_R_BYTES_SENT 0x101u        /**< body bytes handed to the connection */
#define APUS_R_WIRE_SENT 0x102u         /**< head and body bytes handed to the connection */
#define APUS_R_WIRE_RECEIVED 0x103u     /**< head and body bytes read */
#define APUS_R_TIME_US 0x104u           /**< when its first byte came, microseconds since 1970 */
#define APUS_R_PORT 0x105u              /**< the port asked for, or the connection's */
#define APUS_R_KEEPALIVES 0x106u        /**< requests answered on the connection before it */
#define APUS_R_IS_EXPLAIN 0x107u        /**< 1 while `apus explain` runs hooks: no side effects */
#define APUS_R_IS_SUBREQUEST 0x108u
#define APUS_R_HEADER_ONLY 0x109u       /**< HEAD */
#define APUS_R_FILE_TYPE 0x10au         /**< APUS_FILE_…, of the file name after map_to_storage */
#define APUS_R_FILE_SIZE 0x10bu         /**< bytes */
#define APUS_R_FILE_MTIME_US 0x10cu     /**< microseconds since 1970 */
#define APUS_R_CONNECTION_STATE 0x10du  /**< in log_transaction: 'X' aborted, '+' kept, '-' closed */
#define APUS_R_BODY_EXPECTED 0x10eu     /**< 1: the request has a body */
#define APUS_R_NO_CACHE 0x10fu          /**< rw; 1: the answer must not be cached */
#define APUS_R_OWN_PAGE 0x110u          /**< 1: what is answered is the server's own page for a status */
#define APUS_R_OPTIONS 0x111u           /**< APUS_OPTION_…: what Options allows here */
#define APUS_R_LIMIT_REQUEST_BODY 0x112u /**< LimitRequestBody here; 0: none */
#define APUS_R_SERVER_PORT 0x113u       /**< the port in the server's own URLs; see UseCanonicalPhysicalPort */
#define APUS_R_PEER_PORT 0x114u         /**< rw; of the client, which a module may correct; 0: not known */
#define APUS_R_CGI_PASS_AUTH 0x115u     /**< CGIPassAuth; 1: programs may see the field Authorization */
#define APUS_R_CGI_ORIGINAL_URI 0x116u  /**< CGIVar REQUEST_URI; 1: what the client asked for, 0: what it was redirected to */
/* RLimitCPU, RLimitMEM, RLimitNPROC: limits for programs. -1: not said; INT64_MAX: as much as the server itself may. */
#define APUS_R_LIMIT_CPU_SOFT 0x117u
#define APUS_R_LIMIT_CPU_HARD 0x118u
#define APUS_R_LIMIT_MEMORY_SOFT 0x119u
#define APUS_R_LIMIT_MEMORY_HARD 0x11au
#define APUS_R_LIMIT_PROCESSES_SOFT 0x11bu
#define APUS_R_LIMIT_PROCESSES_HARD 0x11cu

#define APUS_FILE_NONE 0
#define APUS_FILE_REGULAR 1
#define APUS_FILE_DIRECTORY 2
#define APUS_FILE_OTHER 3

#define APUS_OPTION_INDEXES 0x01
#define APUS_OPTION_INCLUDES 0x02
#define APUS_OPTION_FOLLOW_SYM_LINKS 0x04
#define APUS_OPTION_SYM_LINKS_IF_OWNER_MATCH 0x08
#define APUS_OPTION_EXEC_CGI 0x10
#define APUS_OPTION_INCLUDES_NO_EXEC 0x20
#define APUS_OPTION_MULTI_VIEWS 0x40

typedef struct apus_request_v1 {
    uint32_t size, reserved;
    /** One of its strings, APUS_R_…. Lives as long as the request, also when the field is set to another. */
    apus_str (*get)(const apus_req *r, uint32_t field);
    /** Sets a (rw) string; the host keeps a copy.
     *  @return APUS_OK, or APUS_E_INVALID: it cannot be set, or not to this value */
    apus_status (*set)(apus_req *r, uint32_t field, apus_str value);
    /** One of its numbers, APUS_R_…. */
    int64_t (*number)(const apus_req *r, uint32_t field);
    /** Sets a (rw) number. @return as `set` */
    apus_status (*set_number)(apus_req *r, uint32_t field, int64_t value);
    /** The virtual host that it is for. */
    const apus_server *(*server)(const apus_req *r);
    /** The connection it came by; its functions are [conn]. */
    apus_conn *(*conn)(const apus_req *r);
    /** Memory that lives until the request has been logged. */
    apus_pool *(*pool)(const apus_req *r);
    /** The request this is a sub-request of, or NULL. */
    apus_req *(*main)(const apus_req *r);
    /** The request that was internally redirected to this one, or NULL. */
    apus_req *(*previous)(const apus_req *r);
    /** The calling module's own pointer on the request; NULL at first. */
    void *(*slot)(const apus_req *r, const apus_host *host);
    void (*set_slot)(apus_req *r, const apus_host *host, void *value);
    /** The calling module's merged directory configuration. Before map_to_storage: that of the server. */
    void *(*dir_conf)(const apus_req *r, const apus_host *host);
    /** The calling module's configuration of the request's server. */
    void *(*server_conf)(const apus_req *r, const apus_host *host);
    /** Identity of the merged set of sections: equal numbers, equal directory configuration. Never 0. */
    uint64_t (*conf_identity)(const apus_req *r);
    /** Whether URLs of that host and port lead to the request's own server, 1 or 0: it is one of its names or addresses. */
    int32_t (*is_own_host)(const apus_req *r, apus_str host, uint32_t port);
    /** What the conditions of the request (RFC 9110, 13) say of an answer with the ETag and Last-Modified that stand in
     *  APUS_HEADERS_OUT. A file that the host sends passes them anyway. @return APUS_OK: answer; 304 or 412: return it */
    apus_status (*preconditions)(const apus_req *r);
} apus_request_v1;

#endif
