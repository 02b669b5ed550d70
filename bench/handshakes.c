/* handshakes.c — a TLS client that makes many connections and says what became of them.
 *
 * handshakes PORT KIND AMOUNT PROCESSES [PATH]
 *
 *   full    for AMOUNT seconds, or AMOUNT times if it ends in "x": TLS 1.3 from the start, each time
 *   resume  as long: TLS 1.2, each time with the session of the process's first connection, by its id
 *   staple  as full; a connection without a stapled answer is wrong
 *   keep    AMOUNT sessions of TLS 1.2 are made; then each of them is resumed by its id, the last one first
 *   churn   for AMOUNT seconds: sessions are made, and the last ones of the process resumed in turn
 *
 * Each connection carries one request for PATH and is read to its end, for a session without close_notify counts for less.
 * Prints pairs of a name and a number:
 *   made 7       connections with a handshake from the start
 *   resumed 9    those that went on with a session
 *   forgotten 1  those that wanted to, and had to make a full handshake: counted in made, too
 *   cut 0        connections that ended early, without a word of TLS
 *   wrong 0      errors of TLS, and answers that are not 200
 *   late 0       connections on which nothing came for ten seconds */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE = 10, RECENT = 64 };
enum outcome { MADE, RESUMED, FORGOTTEN, CUT, WRONG, LATE, OUTCOMES };
static const char *const names[OUTCOMES] = {"made", "resumed", "forgotten", "cut", "wrong", "late"};

static struct sockaddr_in server = {.sin_family = AF_INET};
static char request[1024];
static SSL_CTX *ctx;
static int wantsStaple;
/* Of all processes. */
static volatile long *counts;

static void count(enum outcome what) { __atomic_fetch_add(&counts[what], 1, __ATOMIC_RELAXED); }

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void prepare(int is_full) {
    ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (is_full) {
        SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    } else {
        SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    }
}

/* Why an operation of TLS did not succeed. */
static enum outcome reason(SSL *ssl, int result) {
    int saved = errno;
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ: return LATE;
    case SSL_ERROR_SSL: return ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING ? CUT : WRONG;
    case SSL_ERROR_ZERO_RETURN: return CUT;
    default: return saved == EAGAIN ? LATE : CUT;
    }
}

/* Reads the answer to its end: RESUMED for a good one. */
static enum outcome receive(SSL *ssl) {
    char buffer[16384];
    int n = SSL_read(ssl, buffer, sizeof buffer);
    if (n <= 0) return reason(ssl, n);
    if (n < 12 || memcmp(buffer, "HTTP/1.1 200", 12) != 0) return WRONG;
    do n = SSL_read(ssl, buffer, sizeof buffer);
    while (n > 0);
    return SSL_get_error(ssl, n) == SSL_ERROR_ZERO_RETURN ? RESUMED : reason(ssl, n);
}

/* One connection with one request.
 * session: what it wants to go on with, or NULL. made: where its own session goes, or NULL. */
static enum outcome exchange(int fd, SSL *ssl, SSL_SESSION *session, SSL_SESSION **made) {
    if (connect(fd, (struct sockaddr *)&server, sizeof server)) return CUT;
    SSL_set_fd(ssl, fd);
    if (session) SSL_set_session(ssl, session);
    if (wantsStaple) SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
    int result = SSL_connect(ssl);
    if (result <= 0) return reason(ssl, result);
    result = SSL_write(ssl, request, (int)strlen(request));
    if (result <= 0) return reason(ssl, result);
    enum outcome outcome = receive(ssl);
    if (outcome != RESUMED) return outcome;
    const unsigned char *staple;
    if (wantsStaple && SSL_get_tlsext_status_ocsp_resp(ssl, &staple) <= 0) return WRONG;
    if (made) *made = SSL_get1_session(ssl);
    if (SSL_session_reused(ssl)) return RESUMED;
    return session ? FORGOTTEN : MADE;
}

static enum outcome connection(SSL_SESSION *session, SSL_SESSION **made) {
    const struct timeval patience = {.tv_sec = PATIENCE};
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SSL *ssl = SSL_new(ctx);
    /* OpenSSL would not offer a session again whose connection was cut. */
    SSL_SESSION *copy = session ? SSL_SESSION_dup(session) : NULL;
    ERR_clear_error();
    enum outcome outcome = exchange(fd, ssl, copy, made);
    if (outcome == WRONG) ERR_print_errors_fp(stderr);
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl);
    SSL_SESSION_free(copy);
    close(fd);
    count(outcome);
    if (outcome == FORGOTTEN) count(MADE);
    return outcome;
}

/* A session that was just made; NULL: the server does not answer. */
static SSL_SESSION *new_session(void) {
    SSL_SESSION *made = NULL;
    for (int attempt = 0; attempt < 100 && !made; attempt++)
        if (connection(NULL, &made) != MADE) usleep(10000);
    return made;
}

/* amount: "2.5" seconds, or "100x". */
static void repeat(const char *amount, int resumes) {
    SSL_SESSION *session = resumes ? new_session() : NULL;
    double end = now() + atof(amount);
    int isCount = strchr(amount, 'x') != NULL;
    for (int done = 0; isCount ? done < atoi(amount) : now() < end; done++) connection(session, NULL);
}

static void keep(int amount) {
    SSL_SESSION **sessions = calloc((size_t)amount, sizeof *sessions);
    for (int i = 0; i < amount; i++) sessions[i] = new_session();
    /* The last one first: where there is not room for all, those before have had to go. */
    for (int i = amount; i-- > 0;)
        if (sessions[i]) connection(sessions[i], NULL);
}

static void churn(double seconds) {
    SSL_SESSION *recent[RECENT] = {NULL};
    double end = now() + seconds;
    for (unsigned turn = 0; now() < end; turn++) {
        SSL_SESSION **oldest = &recent[turn % RECENT];
        SSL_SESSION_free(*oldest);
        *oldest = new_session();
        for (unsigned back = 0; back < 8; back++) {
            SSL_SESSION *session = recent[(turn + back * 7) % RECENT];
            if (session) connection(session, NULL);
        }
    }
}

static int run(const char *kind, const char *amount, int part, int parts) {
    if (strcmp(kind, "full") == 0 || wantsStaple) return repeat(amount, 0), 0;
    if (strcmp(kind, "resume") == 0) return repeat(amount, 1), 0;
    if (strcmp(kind, "churn") == 0) return churn(atof(amount)), 0;
    if (strcmp(kind, "keep") == 0) return keep((atoi(amount) + part) / parts), 0;
    fprintf(stderr, "handshakes: no kind is named %s\n", kind);
    return 2;
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: handshakes PORT full|staple|resume|keep|churn AMOUNT PROCESSES [PATH]\n");
        return 2;
    }
    int parts = atoi(argv[4]), failed = 0, status;
    server.sin_port = htons((uint16_t)atoi(argv[1]));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
             argc > 5 ? argv[5] : "/1k.html");
    signal(SIGPIPE, SIG_IGN);
    counts = mmap(NULL, OUTCOMES * sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    wantsStaple = strcmp(argv[2], "staple") == 0;
    prepare(wantsStaple || strcmp(argv[2], "full") == 0);
    for (int part = 0; part < parts; part++)
        if (fork() == 0) _exit(run(argv[2], argv[3], part, parts));
    while (wait(&status) > 0) failed |= status;
    for (int what = 0; what < OUTCOMES; what++) printf("%s %ld\n", names[what], counts[what]);
    return failed != 0;
}
