/* crypt(3) as Swift can use it: its working memory is too large a structure to be seen as one. */
#ifndef APUS_CCRYPT_SHIM_H
#define APUS_CCRYPT_SHIM_H
#include <crypt.h>
#include <stddef.h>

static const size_t ccrypt_room = sizeof(struct crypt_data);

/* NULL: not a setting that the library knows, or a phrase that is too long. */
static inline const char *ccrypt(const char *phrase, const char *setting, void *room) {
    return crypt_rn(phrase, setting, room, (int)sizeof(struct crypt_data));
}

/* A fresh setting for a method, such as "$2y$"; NULL: not known, or no such cost. */
static inline const char *ccrypt_setting(const char *prefix, unsigned long cost, char *room, int size) {
    return crypt_gensalt_rn(prefix, cost, NULL, 0, room, size);
}
#endif
