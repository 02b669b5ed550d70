/* Argon2 as Swift can use it. Its library is looked for when it is first needed: who has no such hashes need not have it. */
#ifndef APUS_CARGON2_SHIM_H
#define APUS_CARGON2_SHIM_H
#include <argon2.h>
#include <dlfcn.h>
#include <stddef.h>
#include <sys/mman.h>

#define CARGON2_LIBRARY "libargon2.so.1"

typedef int (*cargon2_function)(argon2_context *context, argon2_type type);

/* NULL: it is not installed. */
static inline cargon2_function cargon2_load(void) {
    void *library = dlopen(CARGON2_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    return library ? (cargon2_function)dlsym(library, "argon2_ctx") : NULL;
}

/* Memory that goes back to the system at once. */
static inline int cargon2_allocate(uint8_t **memory, size_t bytes) {
    void *place = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED) return ARGON2_MEMORY_ALLOCATION_ERROR;
    *memory = place;
    return ARGON2_OK;
}

static inline void cargon2_free(uint8_t *memory, size_t bytes) { munmap(memory, bytes); }
#endif
