/* apus/expr.h — expressions as httpd's ap_expr: conditions and strings with %{…} parts: "apus.expr/1".
 *
 * An expression is compiled once, where the configuration is read, and then asked for each request. */
#ifndef APUS_EXPR_H
#define APUS_EXPR_H
#include "../apus.h"

#define APUS_EXT_EXPR "apus.expr/1"

/* Flags of compile. */
#define APUS_EXPR_STRING 0x01u   /**< a string with %{…} parts; else a condition */
#define APUS_EXPR_HTACCESS 0x02u /**< text from .htaccess: nothing that looks at files or the server's environment */
#define APUS_EXPR_NO_VARY 0x04u  /**< a condition that does not name request header fields in Vary */

/* Flags of what a module adds. */
#define APUS_EXPR_RESTRICTED 0x01u /**< not to be used in .htaccess */
#define APUS_EXPR_PREFIX 0x02u     /**< a variable: all names that begin so */

/** A variable, or a function of one string. [req]
 *  @param name  the variable's name as written, or the function's argument
 *  @param out   the value, which must live as long as the request; not set is the empty string
 *  @return APUS_OK; APUS_DECLINED: the empty string; a negative error: the whole expression fails */
typedef apus_status (*apus_expr_value_fn)(void *ctx, apus_req *r, apus_str name, apus_str *out);
/** A function that answers a list, for `WORD -in NAME(…)`. [req] As apus_expr_value_fn. */
typedef apus_status (*apus_expr_list_fn)(void *ctx, apus_req *r, apus_str argument, const apus_str **items, uint32_t *count);
/** An operator; `left` is empty for one that takes a single word. [req] @return 1: true, 0: false, or a negative error */
typedef apus_status (*apus_expr_operator_fn)(void *ctx, apus_req *r, apus_str left, apus_str right);

typedef struct apus_expr_v1 {
    uint32_t size, reserved;
    /** Compiles `text`, of which a copy is kept; the expression lives as long as the pool. [main], or [conn] for .htaccess.
     *  @param flags   APUS_EXPR_STRING, _HTACCESS, _NO_VARY
     *  @param error   set to a sentence in the pool when the text is wrong; may be NULL
     *  @param offset  set to the byte of the text it is wrong at; may be NULL
     *  @return APUS_OK or APUS_E_INVALID */
    apus_status (*compile)(const apus_host *host, apus_pool *pool, apus_str text, uint32_t flags, apus_expr **out,
                           apus_str *error, uint32_t *offset);
    /** Whether a condition holds. [req] -F and -U ask the server itself: [conn] only, else they fail.
     *  @return 1: true, 0: false, or a negative error, which has been logged */
    apus_status (*test)(const apus_expr *expr, apus_req *r);
    /** The value of a string, in the request's memory or longer-lived. [req] @return APUS_OK, or an error as of `test` */
    apus_status (*text)(const apus_expr *expr, apus_req *r, apus_str *out);
    /** Finds what %{name} stands for, once: its value comes from `text`. [main], or [conn] for .htaccess.
     *  @param name   without %{ and }; "NAME" or "FUNCTION:ARGUMENT"
     *  @param flags  APUS_EXPR_HTACCESS or 0
     *  @return APUS_OK, APUS_E_NOT_FOUND: there is no such variable or function */
    apus_status (*variable)(const apus_host *host, apus_pool *pool, apus_str name, uint32_t flags, apus_expr **out);
    /** As `test`; tells what the last regular expression in it that matched was held against, and its groups as
     *  apus_regex_v1.match does. Without one *subject is {NULL, 0} and the spans are -1. [req] */
    apus_status (*match)(const apus_expr *expr, apus_req *r, apus_str *subject, int64_t *spans, uint32_t n_spans);
    /** As `text`, where $0 … $9 stand for the groups of an earlier match with `subject`. [req] */
    apus_status (*expand)(const apus_expr *expr, apus_req *r, apus_str subject, const int64_t *spans, uint32_t n_spans,
                          apus_str *out);
    /** Whether one of the server's own variables is named in it. [any] @return 1 or 0 */
    apus_status (*mentions)(const apus_expr *expr, apus_str name);

    /* For all expressions; all [main], from `attach`. Names are compared without case, but for those of operators of one
     * letter. A variable may take the place of one of the server's own.
     * `flags`: APUS_EXPR_RESTRICTED, and for a variable APUS_EXPR_PREFIX.
     * @return APUS_OK, APUS_E_EXISTS: another module has the name, APUS_E_INVALID: it is no such name, or an unknown flag */

    /** A variable, %{NAME}. */
    apus_status (*add_variable)(const apus_host *host, apus_str name, uint32_t flags, apus_expr_value_fn fn, void *ctx);
    /** A function of one string, NAME(…) and %{NAME:…}. */
    apus_status (*add_function)(const apus_host *host, apus_str name, uint32_t flags, apus_expr_value_fn fn, void *ctx);
    /** A function that answers a list. */
    apus_status (*add_list)(const apus_host *host, apus_str name, uint32_t flags, apus_expr_list_fn fn, void *ctx);
    /** An operator. `name`: "-x", a letter, for one word after it; "-name", at least two, for a word on either side. */
    apus_status (*add_operator)(const apus_host *host, apus_str name, uint32_t flags, apus_expr_operator_fn fn, void *ctx);
} apus_expr_v1;

#endif
