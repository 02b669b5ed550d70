/* GDBM as Swift can use it: its error number is a macro. */
#ifndef APUS_CGDBM_SHIM_H
#define APUS_CGDBM_SHIM_H
#include <gdbm.h>

static inline int cgdbm_errno(void) { return gdbm_errno; }
static inline const char *cgdbm_error_text(void) { return gdbm_strerror(gdbm_errno); }
static const int CGDBM_NO_ERROR = GDBM_NO_ERROR;
static const int CGDBM_ITEM_NOT_FOUND = GDBM_ITEM_NOT_FOUND;
static const int CGDBM_FILE_OPEN_ERROR = GDBM_FILE_OPEN_ERROR;

#endif
