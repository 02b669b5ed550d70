/* The encoder of libbrotli. */
#ifndef APUS_CBROTLI_H
#define APUS_CBROTLI_H

#include <brotli/encode.h>

#endif
