/* apus/regex.h — regular expressions (PCRE2, compiled once, with match limits): "apus.regex/1". */
#ifndef APUS_REGEX_H
#define APUS_REGEX_H
#include "../apus.h"

#define APUS_EXT_REGEX "apus.regex/1"

#define APUS_REGEX_ICASE 0x01u
#define APUS_REGEX_DOTALL 0x02u
#define APUS_REGEX_NO_DOLLAR_NEWLINE 0x04u /**< `$` matches only at the very end (httpd's RegexDefaultOptions) */

typedef struct apus_regex_v1 {
    uint32_t size, reserved;
    /** Compiles a pattern; freed with the pool. [owner]
     *  @param flags  APUS_REGEX_…
     *  @param error  set to a sentence in the pool when the pattern is wrong; may be NULL
     *  @return APUS_OK or APUS_E_INVALID */
    apus_status (*compile)(apus_pool *pool, apus_str pattern, uint32_t flags, apus_regex **out, apus_str *error);
    /** Matches. [any] Fills start and end offsets of group 0, 1, … into `spans`, which has room for `n_spans` groups of 2 numbers
     *  each; -1: not set. It may be NULL with 0.
     *  @return APUS_OK, APUS_DECLINED: no match, APUS_E_TOO_BIG: a match limit was hit (treat as an attack) */
    apus_status (*match)(const apus_regex *regex, apus_str subject, int64_t *spans, uint32_t n_spans);
    /** Number of capture groups, without group 0. [any] */
    uint32_t (*groups)(const apus_regex *regex);
    /** `pattern` with $0…$9 replaced by the groups that a match with `subject` filled in; a backslash takes the next byte as it
     *  is. [owner] In the pool, or `pattern` itself. */
    apus_str (*substitute)(apus_pool *pool, apus_str pattern, apus_str subject, const int64_t *spans, uint32_t n_spans);
} apus_regex_v1;

#endif
