/* Asks another server over TLS: /…?PORT,HOST is answered with what was agreed on and what it said, or with 502 and why not. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "abi_test.h"

static const apus_upstream_v0 *tls;
static void *tls_ctx;
static const apus_host *self;

static int connect_to(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) return -1;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* Whether the socket became ready for what is wanted. */
static int is_ready(int fd, uint32_t wants) {
    struct pollfd entry = {.fd = fd, .events = wants == APUS_FD_WRITE ? POLLOUT : POLLIN};
    return poll(&entry, 1, 10000) == 1;
}

static apus_status exchange(void *state, int fd, const char *question, char *answer, size_t capacity, size_t *length) {
    uint32_t wants = 0;
    apus_status status;
    size_t n = 0;
    while ((status = tls->handshake(state, &wants)) == APUS_AGAIN)
        if (!is_ready(fd, wants)) return APUS_E_CLOSED;
    if (status != APUS_OK) return status;
    while ((status = tls->write(state, question, strlen(question), &n, &wants)) == APUS_AGAIN)
        if (!is_ready(fd, wants)) return APUS_E_CLOSED;
    if (status != APUS_OK) return status;
    while (*length < capacity) {
        status = tls->read(state, answer + *length, capacity - *length, &n, &wants);
        if (status == APUS_AGAIN && is_ready(fd, wants)) continue;
        if (status != APUS_OK || n == 0) break;
        *length += n;
    }
    tls->shutdown(state, &wants);
    return APUS_OK;
}

static apus_status handle(void *ctx, apus_req *r) {
    (void)ctx;
    if (!eq(rq->get(r, APUS_R_HANDLER), "abi-upstream")) return APUS_DECLINED;
    char host[256] = "", question[512], answer[16384], reply[17000];
    int port = 0;
    apus_str query = rq->get(r, APUS_R_QUERY);
    char text[300];
    snprintf(text, sizeof text, "%.*s", F(query));
    if (sscanf(text, "%d,%255s", &port, host) != 2) return 400;
    if (!tls) return 501;
    int fd = connect_to(port);
    if (fd < 0) return 504;
    void *state = NULL;
    apus_status status = tls->open(tls_ctx, rq->server(r), str(host), fd, &state);
    if (status != APUS_OK) {
        close(fd);
        return bd->reply(r, 501, S("text/plain"), status == APUS_DECLINED ? S("off\n") : S("failed\n"));
    }
    snprintf(question, sizeof question, "GET /index.html HTTP/1.0\r\nHost: %s\r\n\r\n", host);
    size_t length = 0;
    status = exchange(state, fd, question, answer, sizeof answer, &length);
    /* F names its argument twice, and each answer is good until the next. */
    apus_str why = tls->problem(state);
    int count = status == APUS_OK
        ? snprintf(reply, sizeof reply, "%.*s %.*s %.*s\n%.*s", F(tls->fact(state, S("protocol"))),
                   F(tls->fact(state, S("cipher"))), F(tls->fact(state, S("verified"))), (int)length, answer)
        : snprintf(reply, sizeof reply, "%.*s\n", F(why));
    tls->close(state);
    close(fd);
    return bd->reply(r, status == APUS_OK ? 200 : 502, S("text/plain"), (apus_str){reply, (size_t)count});
}

static void find(void *ctx) {
    (void)ctx;
    const void *table = NULL;
    if (pv->find(self, APUS_GROUP_UPSTREAM, S("tls"), &table, &tls_ctx) == APUS_OK) tls = table;
}

static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    self = host;
    on_any(host, "optional_fn_retrieve", "v(x)", (apus_fn)find, NULL);
    return on_flags(host, "handler", APUS_MIDDLE, APUS_HOOK_MAY_BLOCK, handle, NULL);
}

static const apus_module description = {BASICS("abi_upstream_module"), .attach = attach};
EXPORT(description)
