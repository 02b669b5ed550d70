/* Berkeley DB and GDBM as Swift can use them: Berkeley DB's calls are members of its handle, one function each here. */
#ifndef APUS_CDBM_SHIM_H
#define APUS_CDBM_SHIM_H
#include <db.h>
#include <gdbm.h>
#include <stddef.h>
#include <string.h>

static inline int cdbm_open(DB **db, const char *path, int writes, int creates, int truncates, int mode) {
    int problem = db_create(db, NULL, 0);
    if (problem != 0) return problem;
    (*db)->set_errcall(*db, NULL);
    unsigned flags = writes ? (creates ? DB_CREATE : 0) | (truncates ? DB_TRUNCATE : 0) : DB_RDONLY;
    problem = (*db)->open(*db, NULL, path, NULL, creates ? DB_HASH : DB_UNKNOWN, flags, mode);
    if (problem != 0) (void)(*db)->close(*db, 0);
    return problem;
}

static inline DBT cdbm_bytes(const void *start, size_t length) {
    DBT bytes;
    memset(&bytes, 0, sizeof bytes);
    bytes.data = (void *)start;
    bytes.size = (u_int32_t)length;
    return bytes;
}

/* The value lives until the next call. */
static inline int cdbm_get(DB *db, DBT *key, DBT *value) {
    memset(value, 0, sizeof *value);
    return db->get(db, NULL, key, value, 0);
}
static inline int cdbm_put(DB *db, DBT *key, DBT *value) { return db->put(db, NULL, key, value, 0); }
static inline int cdbm_del(DB *db, DBT *key) { return db->del(db, NULL, key, 0); }
static inline int cdbm_close(DB *db) { return db->close(db, 0); }
static inline int cdbm_cursor(DB *db, DBC **cursor) { return db->cursor(db, NULL, cursor, 0); }
static inline int cdbm_next(DBC *cursor, DBT *key, DBT *value) {
    memset(key, 0, sizeof *key);
    memset(value, 0, sizeof *value);
    return cursor->get(cursor, key, value, DB_NEXT);
}
static inline int cdbm_cursor_close(DBC *cursor) { return cursor->close(cursor); }

static const int cdbm_not_found = DB_NOTFOUND;
#endif
