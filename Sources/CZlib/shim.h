/* What Swift cannot see of zlib: initialisers that are macros. */
#ifndef APUS_CZLIB_H
#define APUS_CZLIB_H

#include <zlib.h>

static inline int cz_deflate_init(z_stream *stream, int level, int window_bits, int mem_level) {
    return deflateInit2(stream, level, Z_DEFLATED, window_bits, mem_level, Z_DEFAULT_STRATEGY);
}

static inline int cz_inflate_init(z_stream *stream, int window_bits) { return inflateInit2(stream, window_bits); }

#endif
