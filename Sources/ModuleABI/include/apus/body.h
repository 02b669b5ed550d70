/* apus/body.h — bodies as chains of segments, read from and written to a request: "apus.body/1". All [req]. */
#ifndef APUS_BODY_H
#define APUS_BODY_H
#include "../apus.h"

#define APUS_EXT_BODY "apus.body/1"

/* Kinds of segment. */
#define APUS_SEG_DATA 0u
#define APUS_SEG_FILE 1u
#define APUS_SEG_FLUSH 2u /**< send what came before now */
#define APUS_SEG_END 3u   /**< the body ends here */

/** A look at one segment; valid until the chain changes. Set `size` before the call. */
typedef struct apus_segment {
    uint32_t size;
    uint32_t kind;
    apus_str data;   /**< DATA */
    int64_t offset;  /**< FILE */
    int64_t length;  /**< FILE: bytes; DATA: data.len */
    int32_t fd;      /**< FILE */
    int32_t reserved;
} apus_segment;

#define APUS_WANT_READ 1u
#define APUS_WANT_WRITE 2u

typedef struct apus_body_v1 {
    uint32_t size, reserved;
    /** An empty chain that lives as long as `pool`, to be used with requests and filters of one connection. [owner]
     *  @return NULL only when memory is gone */
    apus_chain *(*chain)(apus_pool *pool);
    /** Appends bytes, copied. @return APUS_OK or APUS_E_NOMEM */
    apus_status (*append_copy)(apus_chain *chain, apus_str data);
    /** Appends without copying; `release(ctx)` is called once when the bytes are no longer needed, however the request ends,
     *  by whoever holds it then; it may be NULL for bytes that outlive the request. */
    apus_status (*append_borrowed)(apus_chain *chain, apus_str data, void (*release)(void *ctx), void *ctx);
    /** Appends part of an open file. With `owned` 1, the host closes it, unless it answers APUS_E_INVALID; with 0 it must stay
     *  open until the chain's pool is freed. */
    apus_status (*append_file)(apus_chain *chain, int32_t fd, int64_t offset, int64_t length, int32_t owned);
    /** Appends APUS_SEG_FLUSH or APUS_SEG_END. */
    apus_status (*append_mark)(apus_chain *chain, uint32_t kind);
    /** Looks at the first segment. @return APUS_OK, APUS_E_NOT_FOUND: the chain is empty, or APUS_E_INVALID: `size` is not set */
    apus_status (*peek)(const apus_chain *chain, apus_segment *out);
    /** Drops `n` bytes of the first segment; all of it when n is SIZE_MAX or it has none. */
    void (*drop)(apus_chain *chain, size_t n);
    /** Moves up to `n` bytes (marks in between too; SIZE_MAX: all) from the front of `from` to the end of `to`. */
    void (*move)(apus_chain *to, apus_chain *from, size_t n);
    /** Bytes in the chain. */
    int64_t (*length)(const apus_chain *chain);
    /** Reads up to `max` bytes of the request body, through the input filters, onto the end of `chain`. APUS_SEG_END
     *  follows the last byte. On the loop: APUS_AGAIN when none is there yet. On a pool thread it waits.
     *  @return APUS_OK, APUS_AGAIN, an HTTP status to answer with (400, 408, 413 …), or an error, such as APUS_E_CLOSED */
    apus_status (*read)(apus_req *r, size_t max, apus_chain *chain);
    /** Sends a chain through the output filters; the chain is empty afterwards whatever is returned. The head leaves
     *  with the first bytes. @return APUS_OK, APUS_AGAIN (taken, but wait before sending more), or an error, such as
     *  APUS_E_CLOSED */
    apus_status (*write)(apus_req *r, apus_chain *chain);
    /** Calls `fn` once on the connection's loop when reading or writing can go on. For a suspended request. It takes the place
     *  of what was there for the same `want`. @param want  APUS_WANT_READ or APUS_WANT_WRITE
     *  @return APUS_OK or APUS_E_INVALID */
    apus_status (*when)(apus_req *r, uint32_t want, void (*fn)(void *ctx, apus_req *r), void *ctx);
    /** A whole answer in one call: status (200 … 599), content type (empty: leave) and body, copied.
     *  @return APUS_OK: return it; or an error: return that */
    apus_status (*reply)(apus_req *r, int32_t status, apus_str content_type, apus_str body);
    /** Sends an interim answer (RFC 9110, section 15.2) at once, before the answer proper: 103 with Link fields, 102 now
     *  and then. It carries what APUS_HEADERS_OUT holds by then, which stays there for the answer proper; framing fields
     *  and those of APUS_HEADERS_ERR are left out.
     *  @return APUS_OK, APUS_DECLINED (nothing was sent: HTTP/1.0 knows no interim answers, and a sub-request is
     *  answered to nobody), APUS_E_INVALID (not 100 or 102 … 199, or the answer has begun), or APUS_E_CLOSED */
    apus_status (*interim)(apus_req *r, int32_t status);
    /** Gives a request whose body has been read another one, a copy of `data`, which goes through the input filters when
     *  it is read; a request it is redirected to inside the server has it, too. Content-Length is set to match.
     *  @return APUS_OK, or APUS_E_INVALID: there is more of the body to read */
    apus_status (*replace)(apus_req *r, apus_str data);
} apus_body_v1;

#endif
