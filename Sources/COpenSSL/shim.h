/* OpenSSL as Swift can use it: the macros that Swift cannot see. */
#ifndef APUS_COPENSSL_SHIM_H
#define APUS_COPENSSL_SHIM_H
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif
