/* heap.h — what Swift cannot see of the allocator. */
#ifndef HEAP_H
#define HEAP_H
#include <stddef.h>

/** Bytes that are allocated now, in all arenas and mappings. */
size_t heap_in_use(void);

#endif
