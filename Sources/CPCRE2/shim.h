/* PCRE2 as Swift can use it: its function names are macros that Swift cannot see. */
#ifndef APUS_CPCRE2_SHIM_H
#define APUS_CPCRE2_SHIM_H
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static inline pcre2_code_8 *cpcre2_compile(const void *pattern, size_t length, uint32_t options, int *error,
                                           size_t *offset) {
    return pcre2_compile_8((PCRE2_SPTR8)pattern, length, options, error, offset, 0);
}
static const uint32_t CPCRE2_CASELESS = PCRE2_CASELESS;
static const uint32_t CPCRE2_DOTALL = PCRE2_DOTALL;
static const uint32_t CPCRE2_DOLLAR_ENDONLY = PCRE2_DOLLAR_ENDONLY;
static const uint32_t CPCRE2_DUPNAMES = PCRE2_DUPNAMES;
static const uint32_t CPCRE2_INFO_CAPTURECOUNT = PCRE2_INFO_CAPTURECOUNT;
static const uint32_t CPCRE2_INFO_NAMECOUNT = PCRE2_INFO_NAMECOUNT;
static const uint32_t CPCRE2_INFO_NAMEENTRYSIZE = PCRE2_INFO_NAMEENTRYSIZE;
static const uint32_t CPCRE2_INFO_NAMETABLE = PCRE2_INFO_NAMETABLE;
static const uint32_t CPCRE2_INFO_JITSIZE = PCRE2_INFO_JITSIZE;
static const uint32_t CPCRE2_JIT_COMPLETE = PCRE2_JIT_COMPLETE;
static const uint32_t CPCRE2_INFO_ALLOPTIONS = PCRE2_INFO_ALLOPTIONS;
static const uint32_t CPCRE2_UTF = PCRE2_UTF;
static const int CPCRE2_ERROR_NOMATCH = PCRE2_ERROR_NOMATCH;
/* What is wrong with a subject that is no UTF-8: numbers from the first down to the last. */
static const int CPCRE2_ERROR_UTF8_FIRST = PCRE2_ERROR_UTF8_ERR1;
static const int CPCRE2_ERROR_UTF8_LAST = PCRE2_ERROR_UTF8_ERR21;
#endif
