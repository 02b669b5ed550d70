/* apus/headers.h — the tables of a request: headers, notes, environment: "apus.headers/1". All [req].
 *
 * Names compare without case (RFC 9110 section 5.1), in the environment with case. */
#ifndef APUS_HEADERS_H
#define APUS_HEADERS_H
#include "../apus.h"

#define APUS_EXT_HEADERS "apus.headers/1"

#define APUS_HEADERS_IN 0u        /**< request header fields, in the order received */
#define APUS_HEADERS_OUT 1u       /**< response header fields of a successful answer */
#define APUS_HEADERS_ERR 2u       /**< response header fields sent even with an error page */
#define APUS_HEADERS_NOTES 3u     /**< messages between modules */
#define APUS_HEADERS_ENV 4u       /**< environment of the request, for logs, conditions and CGI */
#define APUS_HEADERS_TRAILERS_IN 5u
#define APUS_HEADERS_TRAILERS_OUT 6u

typedef struct apus_headers_v1 {
    uint32_t size, reserved;
    /** The `nth` value of a name, from 0. Lives as long as the request. @return {NULL, 0}: none */
    apus_str (*get)(const apus_req *r, uint32_t table, apus_str name, uint32_t nth);
    /** Sets the only value of a name; copies both.
     *  @return APUS_OK, or APUS_E_INVALID: no such table, or bytes no header field may hold (RFC 9110, 5.5) in one of those sent */
    apus_status (*set)(apus_req *r, uint32_t table, apus_str name, apus_str value);
    /** Adds a further value of a name. @return as `set` */
    apus_status (*add)(apus_req *r, uint32_t table, apus_str name, apus_str value);
    /** Appends ", value" to the last value of a name, or sets it. @return as `set` */
    apus_status (*merge)(apus_req *r, uint32_t table, apus_str name, apus_str value);
    /** Removes all values of a name. @return APUS_OK or APUS_E_NOT_FOUND */
    apus_status (*remove)(apus_req *r, uint32_t table, apus_str name);
    /** Removes all entries. */
    void (*clear)(apus_req *r, uint32_t table);
    /** The number of entries. */
    uint32_t (*count)(const apus_req *r, uint32_t table);
    /** The entry at `index`, 0 … count-1, in order. @return APUS_OK or APUS_E_NOT_FOUND */
    apus_status (*at)(const apus_req *r, uint32_t table, uint32_t index, apus_str *name, apus_str *value);
    /** Changes with each change of the table: cheap to compare for who mirrors it. */
    uint64_t (*version)(const apus_req *r, uint32_t table);
    /** The first value of a field of the answer as its head carried it, with those that the server composes itself once it
     *  has left: Content-Length, Transfer-Encoding, Connection, Keep-Alive, Content-Type, -Encoding and -Language.
     *  @return {NULL, 0}: the answer has no such field */
    apus_str (*sent)(apus_req *r, apus_str name);
} apus_headers_v1;

#endif
