/* apus/draft/protocol.h — protocols other than HTTP/1.1 on a connection: the vtable of provider group "protocol/0.1", and
 * "apus.upgrade/0.1". All [conn].
 *
 * A connection becomes a protocol's in one of three ways:
 *  - The transport agreed on the name of a provider of group "protocol/0.1", its ALPN identifier ("h2"). Its `open` makes
 *    the state.
 *  - A handler answers a request with 101 (RFC 9110, section 7.8) by `switch_to`, which is given the state. The request
 *    lives, and is logged, until the connection ends: its bytes count as the request's.
 *  - A process_connection hook takes it with `take`, before anything has been read as HTTP.
 * From then on the bytes of the connection are the protocol's, decrypted if there is a transport, until `close`, which
 * is called exactly once. Client and protocol both end by closing; so does the server when nothing has moved for as long
 * as the idle limit says. */
#ifndef APUS_DRAFT_PROTOCOL_H
#define APUS_DRAFT_PROTOCOL_H
#include "../../apus.h"

#define APUS_GROUP_PROTOCOL "protocol/0.1"
#define APUS_EXT_UPGRADE "apus.upgrade/0.1"

typedef struct apus_protocol_v0 {
    uint32_t size, flags;
    /** The connection is the provider's from now on. Not called after `switch_to`. @return APUS_OK, or an error: close */
    apus_status (*open)(void *ctx, apus_conn *c, void **state);
    /** Plain bytes came; they are valid during the call. `n` 0: the peer has finished sending, and this is not called
     *  again. @return APUS_OK, or an error: close */
    apus_status (*receive)(void *state, const void *bytes, size_t n);
    /** `send` answered AGAIN before, and there is room again. May be NULL. @return APUS_OK, or an error: close */
    apus_status (*writable)(void *state);
    /** The connection is at its end: free the state. */
    void (*close)(void *state);
} apus_protocol_v0;

typedef struct apus_upgrade_v0 {
    uint32_t size, reserved;
    /** Whether the client offers to go on with a protocol: its name stands in Upgrade, and "upgrade" in Connection.
     *  [req] Not for HTTP/1.0, which has no such thing, nor in sub-requests. @return 1 or 0 */
    int32_t (*asked)(const apus_req *r, apus_str protocol);
    /** Answers 101 with the headers set so far, and hands the connection over. For a handler on the loop, suspended or
     *  not: once this has returned APUS_OK the handler must return APUS_OK, or resume with it. `state` may be used from
     *  now on: what is sent follows the answer.
     *  @return APUS_OK, APUS_E_INVALID (the client has not asked for it, its body is not read, or an answer has begun),
     *  or APUS_E_THREAD */
    apus_status (*switch_to)(apus_req *r, apus_str protocol, const apus_protocol_v0 *vtable, void *state);
    /** Sends plain bytes of `n_parts` parts, copied.
     *  @return APUS_OK, APUS_AGAIN (taken, but wait for `writable` before sending more), or APUS_E_CLOSED */
    apus_status (*send)(apus_conn *c, const apus_str *parts, uint32_t n_parts);
    /** Bytes that the client's system has not taken yet. */
    int64_t (*pending)(const apus_conn *c);
    /** 1: nothing is received until it is called with 0, so that the client has to wait. */
    apus_status (*hold)(apus_conn *c, int32_t held);
    /** Ends the connection when nothing came or went for so many microseconds; 0: never. At first the server's Timeout. */
    apus_status (*idle_limit)(apus_conn *c, uint64_t us);
    /** The connection is the protocol's from now on. From process_connection. @return APUS_OK or APUS_E_INVALID */
    apus_status (*take)(apus_conn *c, const apus_protocol_v0 *vtable, void *state);
} apus_upgrade_v0;

#endif
