/* Programs that answer lines, started once a generation. */
#include <unistd.h>

#include "abi_test.h"

typedef struct program {
    int32_t input, output;
} program;

static const apus_host *self;
static const apus_program_v0 *pg;
static program own = {-1, -1}, others = {-1, -1}, absent = {-1, -1};
static apus_status problems[3];

/* Answers each line with the line, its user and its process. */
static const char script[] = "while read -r line; do echo \"$line $(id -u) $$\"; done";

static apus_status start(program *its, const char *path, apus_str user, apus_str group) {
    const apus_str words[] = {str(path), S("-c"), S(script)};
    return pg->start(self, words, 3, user, group, &its->input, &its->output);
}

static apus_status open_config(void *ctx, uint32_t reason, uint64_t generation) {
    (void)ctx, (void)generation;
    if (reason == APUS_OPEN_CHECK) return APUS_OK;
    const apus_str nobody = S(""), unknown = S("no-such-name");
    program none;
    problems[0] = start(&none, "/bin/sh", unknown, nobody);
    problems[1] = start(&none, "/bin/sh", nobody, unknown);
    problems[2] = pg->start(self, NULL, 0, nobody, nobody, &none.input, &none.output);
    if (start(&absent, "/no/such/program", nobody, nobody) != APUS_OK) return APUS_E_FAIL;
    if (geteuid() == 0 && start(&others, "/bin/sh", S("nobody"), S("nogroup")) != APUS_OK) return APUS_E_FAIL;
    return start(&own, "/bin/sh", nobody, nobody);
}

/** The answer to a line; "end" when there is none. The test asks one at a time. */
static apus_status ask(apus_req *r, const program *its) {
    apus_str text = rq->get(r, APUS_R_QUERY);
    out line = {0, ""};
    say(&line, "%.*s\n", F(text));
    char answer[256];
    size_t length = 0;
    if (write(its->input, line.text, line.n) == (ssize_t)line.n)
        while (length < sizeof answer && read(its->output, answer + length, 1) == 1 && answer[length] != '\n') length++;
    return length ? answerf(r, "%.*s", (int)length, answer) : answerf(r, "end");
}

static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    apus_str path = rq->get(r, APUS_R_PATH);
    if (eq(path, "/ask")) return ask(r, &own);
    if (eq(path, "/other")) return ask(r, &others);
    if (eq(path, "/absent")) return ask(r, &absent);
    if (eq(path, "/worker")) return answerf(r, "%d", (int)sv->process_number(self, APUS_P_WORKER));
    if (eq(path, "/problems")) return answerf(r, "%d %d %d", problems[0], problems[1], problems[2]);
    return APUS_DECLINED;
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    pg = host->extension(host, APUS_EXT_PROGRAM);
    on_any(host, "open_config", "i(xuU)", (apus_fn)open_config, NULL);
    return on(host, "handler", APUS_MIDDLE, handler, NULL);
}

static const char *const needed[] = {APUS_EXT_PROGRAM, NULL};
static const apus_module description = {BASICS("abi_program_module"), .requires_ids = needed, .attach = attach};
EXPORT(description)
