/* LMDB as Swift can use it. */
#ifndef APUS_CLMDB_SHIM_H
#define APUS_CLMDB_SHIM_H
#include <lmdb.h>
#endif
