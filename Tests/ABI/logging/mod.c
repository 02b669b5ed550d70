/* The error log, and log targets of a module's own. */
#include "abi_test.h"

static const apus_host *self;
static apus_log_sink *file, *again, *piped;
static int opened;

static apus_status open_config(void *ctx, uint32_t reason, uint64_t generation) {
    (void)ctx, (void)generation;
    if (reason == APUS_OPEN_CHECK) return APUS_OK;
    file = lg->sink(self, S("logs/abi.log"));
    again = lg->sink(self, S("logs/abi.log"));
    char command[400];
    int n = snprintf(command, sizeof command, "|/bin/cat >> %.*s/logs/piped.log",
                     F(sv->process(self, APUS_P_SERVER_ROOT)));
    piped = lg->sink(self, (apus_str){command, (size_t)n});
    opened = (file != NULL) + (again == file) + (piped != NULL);
    return opened == 3 ? APUS_OK : APUS_E_FAIL;
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str path = rq->get(r, APUS_R_PATH);
    out o = {0, ""};
    if (starts(path, "/levels")) {
        for (int32_t level = APUS_LOG_EMERG; level <= APUS_LOG_TRACE8; level++) {
            char text[60];
            int n = snprintf(text, sizeof text, "level %d", level);
            say(&o, "%d", lg->enabled(self, level, r, NULL, NULL));
            lg->write(self, level, S("ABI0001"), r, NULL, NULL, (apus_str){text, (size_t)n});
        }
    } else if (eq(path, "/places")) {
        lg->write(self, APUS_LOG_ERR, S(""), r, NULL, NULL, S("of the request"));
        lg->write(self, APUS_LOG_ERR, S("ABI0002"), NULL, rq->conn(r), NULL, S("of the connection"));
        lg->write(self, APUS_LOG_ERR, S("ABI0003"), NULL, NULL, rq->server(r), S("of the server"));
        lg->write(self, APUS_LOG_ERR, S("ABI0004"), NULL, NULL, NULL, S("of nobody"));
    } else if (eq(path, "/bytes")) {
        lg->write(self, APUS_LOG_ERR, S(""), r, NULL, NULL,
                  S("one\ntwo\r\x1b[31mred\x07 \x7f \"q\" \\ caf\xc3\xa9"));
        lg->write(self, APUS_LOG_ERR, S(""), r, NULL, NULL, S(""));
    } else if (eq(path, "/long")) {
        size_t n = 100000;
        char *text = po->alloc(rq->pool(r), n);
        memset(text, 'L', n);
        lg->write(self, APUS_LOG_ERR, S(""), r, NULL, NULL, (apus_str){text, n});
    } else if (eq(path, "/source")) {
        lg->write_at(self, APUS_LOG_ERR, S("ABI0005"), r, NULL, NULL, S("with its place"), S(__FILE__), 4711);
    } else if (eq(path, "/error")) {
        lg->write_error(self, APUS_LOG_ERR, S("ABI0006"), r, NULL, NULL, S("about an error"), S(__FILE__), 4712, 13);
        lg->write_error(self, APUS_LOG_ERR, S("ABI0007"), r, NULL, NULL, S("about none"), S(__FILE__), 4713, 0);
    } else if (eq(path, "/append")) {
        lg->append(file, S("one\ntwo\n"));
        lg->append(again, S("three\n"));
        lg->append(piped, S("through a pipe\n"));
    } else return APUS_DECLINED;
    return answer(r, &o);
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    on_any(host, "open_config", "i(xuU)", (apus_fn)open_config, NULL);
    return on(host, "handler", APUS_MIDDLE, handler, NULL);
}

static const apus_module description = {BASICS("abi_logging_module"), .attach = attach};
EXPORT(description)
