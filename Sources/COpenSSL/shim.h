/* OpenSSL as Swift can use it: the macros that Swift cannot see, one function each and no logic. */
#ifndef APUS_COPENSSL_SHIM_H
#define APUS_COPENSSL_SHIM_H
#include <malloc.h>
#include <openssl/bio.h>
#include <openssl/conf.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/http.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/srp.h>
#include <openssl/ssl.h>
#include <openssl/store.h>
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
static inline void cossl_ctx_set_ticket_key_callback(
    SSL_CTX *ctx, int (*callback)(SSL *, unsigned char *, unsigned char *, EVP_CIPHER_CTX *, EVP_MAC_CTX *, int)) {
    (void)SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, callback);
}
static inline int cossl_mac_use_sha256(EVP_MAC_CTX *mac, const void *key, size_t length) {
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key, length),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, parameters);
}
static inline int cossl_ctx_build_chain(SSL_CTX *ctx) {
    return (int)SSL_CTX_build_cert_chain(
        ctx, SSL_BUILD_CHAIN_FLAG_NO_ROOT | SSL_BUILD_CHAIN_FLAG_IGNORE_ERROR | SSL_BUILD_CHAIN_FLAG_CLEAR_ERROR);
}
static inline void cossl_ctx_set_status_callback(SSL_CTX *ctx, int (*callback)(SSL *, void *)) {
    (void)SSL_CTX_set_tlsext_status_cb(ctx, callback);
}
static inline void cossl_set_status_response(SSL *ssl, void *response, long length) {
    (void)SSL_set_tlsext_status_ocsp_resp(ssl, (unsigned char *)response, length);
}
static inline int cossl_n_certificates(const STACK_OF(X509) *list) { return sk_X509_num(list); }
static inline X509 *cossl_certificate(const STACK_OF(X509) *list, int index) { return sk_X509_value(list, index); }
static inline STACK_OF(X509) *cossl_certificates_new(void) { return sk_X509_new_null(); }
static inline int cossl_certificates_push(STACK_OF(X509) *list, X509 *certificate) {
    return sk_X509_push(list, certificate);
}
static inline void cossl_certificates_free(STACK_OF(X509) *list) { sk_X509_free(list); }
static inline int cossl_n_names(const STACK_OF(X509_NAME) *list) { return sk_X509_NAME_num(list); }
static inline X509_NAME *cossl_name(const STACK_OF(X509_NAME) *list, int index) {
    return sk_X509_NAME_value(list, index);
}
static inline STACK_OF(X509_NAME) *cossl_names_new(void) { return sk_X509_NAME_new_null(); }
static inline int cossl_names_push(STACK_OF(X509_NAME) *list, X509_NAME *name) {
    return sk_X509_NAME_push(list, name);
}
static inline int cossl_n_general_names(const GENERAL_NAMES *list) { return sk_GENERAL_NAME_num(list); }
static inline GENERAL_NAME *cossl_general_name(const GENERAL_NAMES *list, int index) {
    return sk_GENERAL_NAME_value(list, index);
}
static inline int cossl_n_strings(const STACK_OF(OPENSSL_STRING) *list) { return sk_OPENSSL_STRING_num(list); }
static inline const char *cossl_string(const STACK_OF(OPENSSL_STRING) *list, int index) {
    return sk_OPENSSL_STRING_value(list, index);
}
static inline size_t cossl_bio_data(BIO *bio, const char **data) {
    return (size_t)BIO_get_mem_data(bio, (char **)data);
}
static inline int cossl_add1_chain_cert(SSL *ssl, X509 *certificate) {
    return (int)SSL_add1_chain_cert(ssl, certificate);
}
static inline int cossl_set_host_name(SSL *ssl, const char *name) {
    return (int)SSL_set_tlsext_host_name(ssl, name);
}
static inline int cossl_ctx_select_certificate(SSL_CTX *ctx, X509 *certificate) {
    return (int)SSL_CTX_select_current_cert(ctx, certificate);
}
static inline void cossl_certificates_free_all(STACK_OF(X509) *list) { sk_X509_pop_free(list, X509_free); }
static inline int cossl_ctx_add0_chain_cert(SSL_CTX *ctx, X509 *certificate) {
    return (int)SSL_CTX_add0_chain_cert(ctx, certificate);
}
static inline const STACK_OF(X509) *cossl_ctx_chain(SSL_CTX *ctx) {
    STACK_OF(X509) *chain = NULL;
    (void)SSL_CTX_get0_chain_certs(ctx, &chain);
    return chain;
}
/* TLS-SRP: OpenSSL 3.0 says that it will go, but offers nothing in its place. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static inline void cossl_ctx_set_srp_callback(SSL_CTX *ctx, int (*callback)(SSL *, int *, void *), void *argument) {
    (void)SSL_CTX_set_srp_username_callback(ctx, callback);
    (void)SSL_CTX_set_srp_cb_arg(ctx, argument);
}
static inline SRP_VBASE *cossl_srp_users_new(const char *seed) { return SRP_VBASE_new((char *)seed); }
static inline int cossl_srp_users_read(SRP_VBASE *users, const char *path) { return SRP_VBASE_init(users, (char *)path); }
static inline void cossl_srp_users_free(SRP_VBASE *users) { SRP_VBASE_free(users); }
/* 0: the user's parameters are set; else the alert to send. */
static inline int cossl_srp_admit(SSL *ssl, SRP_VBASE *users) {
    char *name = SSL_get_srp_username(ssl);
    SRP_user_pwd *user = name ? SRP_VBASE_get1_by_user(users, name) : NULL;
    if (!user) return SSL_AD_UNKNOWN_PSK_IDENTITY;
    int set = SSL_set_srp_server_param(ssl, user->N, user->g, user->s, user->v, user->info);
    SRP_user_pwd_free(user);
    return set < 0 ? SSL_AD_INTERNAL_ERROR : 0;
}
/* Engines: what OpenSSL 3.0 has for PKCS#11 where no provider is installed. NULL: there is none, or it fails. */
static inline ENGINE *cossl_engine_open(const char *name, const char *setting, const char *value) {
    OPENSSL_init_crypto(OPENSSL_INIT_ENGINE_DYNAMIC, NULL);
    ENGINE *engine = ENGINE_by_id(name);
    if (engine && (!value || ENGINE_ctrl_cmd_string(engine, setting, value, 0)) && ENGINE_init(engine)) return engine;
    ENGINE_free(engine);
    return NULL;
}
static inline EVP_PKEY *cossl_engine_key(ENGINE *engine, const char *uri) {
    return ENGINE_load_private_key(engine, uri, NULL, NULL);
}
static inline X509 *cossl_engine_certificate(ENGINE *engine, const char *uri) {
    struct { const char *uri; X509 *certificate; } question = {uri, NULL};
    return ENGINE_ctrl_cmd(engine, "LOAD_CERT_CTRL", 0, &question, NULL, 0) ? question.certificate : NULL;
}
static inline const char *cossl_srp_user(SSL *ssl) { return SSL_get_srp_username(ssl); }
static inline const char *cossl_srp_user_info(SSL *ssl) { return SSL_get_srp_userinfo(ssl); }
#pragma GCC diagnostic pop
static inline void *cossl_malloc(size_t length) { return OPENSSL_malloc(length); }
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
static const uint64_t cossl_op_no_renegotiation = SSL_OP_NO_RENEGOTIATION;
static const uint64_t cossl_op_no_ticket = SSL_OP_NO_TICKET;
static const long cossl_session_cache_off = SSL_SESS_CACHE_OFF;
static const long cossl_session_cache_external = SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL;
static const long cossl_name_flags = XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB;
static const long cossl_client_modes =
    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE;
static const int cossl_bio_flush = BIO_CTRL_FLUSH;
static const int cossl_bio_eof = BIO_CTRL_EOF;
static const int cossl_bio_retry_read = BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY;
static const int cossl_bio_retry_bits = BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY;

#endif
