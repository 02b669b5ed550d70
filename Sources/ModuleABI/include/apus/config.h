/* apus/config.h — what a directive's handler may ask and do: "apus.config/1". All [main], or [conn] for .htaccess. */
#ifndef APUS_CONFIG_H
#define APUS_CONFIG_H
#include "../apus.h"

#define APUS_EXT_CONFIG "apus.config/1"

/* Kinds of scope. */
#define APUS_SCOPE_SERVER 0u    /**< the main server */
#define APUS_SCOPE_VHOST 1u     /**< a <VirtualHost> */
#define APUS_SCOPE_DIRECTORY 2u /**< <Directory>, <DirectoryMatch> */
#define APUS_SCOPE_FILES 3u
#define APUS_SCOPE_LOCATION 4u
#define APUS_SCOPE_HTACCESS 5u
#define APUS_SCOPE_CONDITION 6u /**< <If>, <ElseIf>, <Else> */

typedef struct apus_config_v1 {
    uint32_t size, reserved;
    /** Reports an error at the directive; reading goes on and all errors are shown together.
     *  @return what the handler should return */
    apus_status (*fail)(const apus_cmd *cmd, apus_str message);
    /** Reports something legal that is probably wrong. */
    void (*warn)(const apus_cmd *cmd, apus_str message);
    /** The directive's name as written. */
    apus_str (*name)(const apus_cmd *cmd);
    /** The file and line it stands at; lives as long as the configuration. */
    apus_str (*location)(const apus_cmd *cmd, uint32_t *line);
    /** `data` of the directive's row. */
    void *(*data)(const apus_cmd *cmd);
    /** The pool that lives as long as the configuration. */
    apus_pool *(*pool)(const apus_cmd *cmd);
    /** The server the directive belongs to. */
    const apus_server *(*server)(const apus_cmd *cmd);
    /** The module's own server configuration there. NULL for a module without one. */
    void *(*server_conf)(const apus_cmd *cmd);
    /** The module's own directory configuration of the scope at hand. */
    void *(*dir_conf)(const apus_cmd *cmd);
    /** `path` made absolute against ServerRoot, in the configuration's pool, without a trailing slash. */
    apus_str (*resolve)(const apus_cmd *cmd, apus_str path);
    /** Handles the directives inside the section at hand, in the scope it stands in.
     *  @return APUS_OK, or APUS_E_FAIL: errors have been shown at their lines */
    apus_status (*walk)(const apus_cmd *cmd);
    /** The scope at hand, as `create` of apus_conf_ops gets it. */
    const apus_scope *(*scope)(const apus_cmd *cmd);
    /** APUS_SCOPE_…; a kind that a module does not know is like APUS_SCOPE_DIRECTORY. */
    uint32_t (*scope_kind)(const apus_scope *scope);
    /** The section's path or pattern; empty for servers. */
    apus_str (*scope_path)(const apus_scope *scope);
    /** Reports what shows only when everything has been read, at the place of a directive (from `location`): shown as
     *  `fail` and `warn` are. [main], from check_config and open_config.
     *  @param level  APUS_LOG_ERR: the configuration is not usable; APUS_LOG_WARN
     *  @param code   as in apus_log_v1.write
     *  @param file   empty: no place, and the module is named instead */
    void (*report)(const apus_host *host, int32_t level, apus_str code, apus_str file, uint32_t line, apus_str message);
    /** The methods that a <Limit> or <LimitExcept> around the directive restricts it to; NULL: there is none. A directive
     *  that never asks holds for all methods, and a warning says so. Lives as long as `pool`. */
    const apus_methods *(*limit)(const apus_cmd *cmd);
    /** Whether the request's method is among them: 1 or 0; 1 for NULL. HEAD counts as GET. [req] */
    int32_t (*limit_holds)(const apus_methods *methods, const apus_req *r);
} apus_config_v1;

#endif
