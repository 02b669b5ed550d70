/* apus/log.h — the error log, and log targets of a module's own: "apus.log/1". [any] unless said otherwise. */
#ifndef APUS_LOG_H
#define APUS_LOG_H
#include "../apus.h"

#define APUS_EXT_LOG "apus.log/1"

/* Levels, as LogLevel names them. */
#define APUS_LOG_EMERG 0
#define APUS_LOG_ALERT 1
#define APUS_LOG_CRIT 2
#define APUS_LOG_ERR 3
#define APUS_LOG_WARN 4
#define APUS_LOG_NOTICE 5
#define APUS_LOG_INFO 6
#define APUS_LOG_DEBUG 7
#define APUS_LOG_TRACE1 8
#define APUS_LOG_TRACE8 15

typedef struct apus_log_v1 {
    uint32_t size, reserved;
    /** Whether `write` at this level would leave a line: 1 or 0. `r`, `c` and `s` may be NULL; the first given decides. Of a
     *  request or connection only who may use it may speak. */
    int32_t (*enabled)(const apus_host *host, int32_t level, const apus_req *r, const apus_conn *c,
                       const apus_server *s);
    /** Writes one line. `level`: APUS_LOG_…, or a number between TRACE1 and TRACE8. `code` is the permanent number of the
     *  message ("AH02217", "APUS1001"), or empty. Bytes that a terminal could obey are escaped by the host. */
    void (*write)(const apus_host *host, int32_t level, apus_str code, const apus_req *r, const apus_conn *c,
                  const apus_server *s, apus_str message);
    /** A log target by the rules of CustomLog: a file (relative to ServerRoot), "|command", "syslog[:facility[:tag]]" or
     *  "journald[:tag]". The same target is opened once. With reason CHECK nothing is opened or made, but what can be known
     *  is checked. It lives as long as the generation. [main], from open_config.
     *  @return NULL: errno says why not; report it at the directive's place */
    apus_log_sink *(*sink)(const apus_host *host, apus_str target);
    /** Appends one or more whole lines, each ending in a newline; gathered and written once per turn of the loop. */
    void (*append)(apus_log_sink *sink, apus_str lines);
    /** The same as `write`, and says where in the module's source it stands: __FILE__ and __LINE__. */
    void (*write_at)(const apus_host *host, int32_t level, apus_str code, const apus_req *r, const apus_conn *c,
                     const apus_server *s, apus_str message, apus_str file, uint32_t line);
    /** The same as `write_at` for a message about an error of the system, which is told apart where ErrorLogFormat has %E:
     *  an errno, or 0 for none. */
    void (*write_error)(const apus_host *host, int32_t level, apus_str code, const apus_req *r, const apus_conn *c,
                        const apus_server *s, apus_str message, apus_str file, uint32_t line, int32_t error);
} apus_log_v1;

#endif
