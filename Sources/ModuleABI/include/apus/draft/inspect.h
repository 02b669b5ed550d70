/* apus/draft/inspect.h — what the server is made of, for pages that show it: "apus.inspect/0.1". All [any] once the configuration
 * has been read. Strings live during the callback. */
#ifndef APUS_DRAFT_INSPECT_H
#define APUS_DRAFT_INSPECT_H
#include "../../apus.h"

#define APUS_EXT_INSPECT "apus.inspect/0.1"

/* Kinds of line. */
#define APUS_LINE_DIRECTIVE 0u
#define APUS_LINE_SECTION 1u     /**< a section begins */
#define APUS_LINE_SECTION_END 2u /**< it ends; only `name`, `depth` and `module` are set */

/** A line of the configuration as it was read, macros and includes filled in. */
typedef struct apus_config_line {
    uint32_t size;
    uint32_t kind;
    apus_str name;      /**< without '<' and '>' */
    apus_str arguments; /**< as they stand in the file; "(redacted)" for directives that are APUS_DIRECTIVE_SECRET */
    apus_str file;
    apus_str module; /**< whose directive it is: "core_module"; empty: nobody's */
    uint32_t line;
    uint32_t depth; /**< sections around it */
} apus_config_line;

typedef struct apus_inspect_v0 {
    uint32_t size, reserved;
    void (*each_line)(const apus_host *host, void (*fn)(void *arg, const apus_config_line *line), void *arg);
    /** The directives that a module has, by name. */
    void (*each_directive)(const apus_host *host, apus_str module,
                           void (*fn)(void *arg, apus_str name, apus_str help, int32_t is_section), void *arg);
    /** The callbacks of each hook in the order they run, hooks by name. `position`: as in apus_hook_reg. */
    void (*each_callback)(const apus_host *host,
                          void (*fn)(void *arg, apus_str hook, apus_str module, int32_t position), void *arg);
    /** The filters from the handler to the wire. `direction`: APUS_OUTPUT or APUS_INPUT of apus/filters.h. */
    void (*each_filter)(const apus_host *host,
                        void (*fn)(void *arg, apus_str name, apus_str module, uint32_t direction), void *arg);
    /** The providers, by group and name. */
    void (*each_provider)(const apus_host *host,
                          void (*fn)(void *arg, apus_str group, apus_str name, apus_str module), void *arg);
} apus_inspect_v0;

#endif
