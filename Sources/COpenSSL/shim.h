/* OpenSSL as Swift can use it: the macros that Swift cannot see, one function each and no logic. */
#ifndef APUS_COPENSSL_SHIM_H
#define APUS_COPENSSL_SHIM_H
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static inline int cossl_ctx_set_min_version(SSL_CTX *ctx, int version) {
    return (int)SSL_CTX_set_min_proto_version(ctx, version);
}
static inline int cossl_ctx_set_max_version(SSL_CTX *ctx, int version) {
    return (int)SSL_CTX_set_max_proto_version(ctx, version);
}
static inline int cossl_get_max_version(SSL *ssl) { return (int)SSL_get_max_proto_version(ssl); }
static inline int cossl_set_min_version(SSL *ssl, int version) {
    return (int)SSL_set_min_proto_version(ssl, version);
}
static inline int cossl_set_max_version(SSL *ssl, int version) {
    return (int)SSL_set_max_proto_version(ssl, version);
}
static inline void cossl_ctx_set_mode(SSL_CTX *ctx, long mode) { (void)SSL_CTX_set_mode(ctx, mode); }
static inline void cossl_ctx_set_session_cache_mode(SSL_CTX *ctx, long mode) {
    (void)SSL_CTX_set_session_cache_mode(ctx, mode);
}
static inline int cossl_ctx_set_groups(SSL_CTX *ctx, const char *list) {
    return (int)SSL_CTX_set1_groups_list(ctx, list);
}
static inline void cossl_ctx_dh_auto(SSL_CTX *ctx) { (void)SSL_CTX_set_dh_auto(ctx, 1); }
static inline int cossl_ctx_add1_chain_cert(SSL_CTX *ctx, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(ctx, certificate);
}
static inline void cossl_ctx_set_server_name_callback(SSL_CTX *ctx, int (*callback)(SSL *, int *, void *)) {
    (void)SSL_CTX_set_tlsext_servername_callback(ctx, callback);
}
static inline int cossl_session_reused(SSL *ssl) { return SSL_session_reused(ssl); }
static inline int cossl_secure_renegotiation(SSL *ssl) {
    return (int)SSL_get_secure_renegotiation_support(ssl);
}
static inline int cossl_n_ciphers(const STACK_OF(SSL_CIPHER) *ciphers) { return sk_SSL_CIPHER_num(ciphers); }
static inline const SSL_CIPHER *cossl_cipher(const STACK_OF(SSL_CIPHER) *ciphers, int index) {
    return sk_SSL_CIPHER_value(ciphers, index);
}
static inline int cossl_cipher_is_tls13(const SSL_CIPHER *cipher) {
    return SSL_CIPHER_get_kx_nid(cipher) == NID_kx_any;
}
static inline void cossl_free(void *block) { OPENSSL_free(block); }
static inline void cossl_clear_free(void *block, size_t length) { OPENSSL_clear_free(block, length); }
static inline int cossl_error_lib(unsigned long code) { return ERR_GET_LIB(code); }
static inline int cossl_error_reason(unsigned long code) { return ERR_GET_REASON(code); }

static const int cossl_lib_ssl = ERR_LIB_SSL;
static const long cossl_modes = SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN;
static const uint64_t cossl_op_base =
    SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF;
static const uint64_t cossl_op_server_preference = SSL_OP_CIPHER_SERVER_PREFERENCE;
static const uint64_t cossl_op_no_tls1 = SSL_OP_NO_TLSv1;
static const uint64_t cossl_op_no_tls11 = SSL_OP_NO_TLSv1_1;
static const uint64_t cossl_op_no_tls12 = SSL_OP_NO_TLSv1_2;
static const uint64_t cossl_op_no_tls13 = SSL_OP_NO_TLSv1_3;
static const uint64_t cossl_op_no_ticket = SSL_OP_NO_TICKET;
static const long cossl_session_cache_off = SSL_SESS_CACHE_OFF;
static const long cossl_session_cache_external = SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL;
static const int cossl_bio_flush = BIO_CTRL_FLUSH;
static const int cossl_bio_eof = BIO_CTRL_EOF;
static const int cossl_bio_retry_read = BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY;
static const int cossl_bio_retry_bits = BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY;

#endif
