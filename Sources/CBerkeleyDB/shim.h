/* Berkeley DB as Swift can use it: its methods are pointers in structures of many. */
#ifndef APUS_CBERKELEYDB_SHIM_H
#define APUS_CBERKELEYDB_SHIM_H
#include <db.h>
#include <string.h>

static inline int cdb_no_sync(int descriptor) {
    (void)descriptor;
    return 0;
}
/* Data go to the kernel when a file is closed, and need not go to the disk then. */
static inline void cdb_sync_never(void) { (void)db_env_set_func_fsync(cdb_no_sync); }

static inline DBT cdb_datum(const void *bytes, size_t length) {
    DBT datum;
    memset(&datum, 0, sizeof datum);
    datum.data = (void *)bytes;
    datum.size = (u_int32_t)length;
    return datum;
}
static inline int cdb_open(DB **out, const char *path, int only_read) {
    int status = db_create(out, NULL, 0);
    if (status) return status;
    (*out)->set_errfile(*out, NULL);
    status = (*out)->open(*out, NULL, path, NULL, DB_BTREE, only_read ? DB_RDONLY : DB_CREATE, 0600);
    if (status) (void)(*out)->close(*out, DB_NOSYNC);
    return status;
}
/* A database of any kind that is there, or, with `creates`, a new and empty one as httpd's tools make it. */
static inline int cdb_open_table(DB **out, const char *path, int only_read, int creates) {
    int status = db_create(out, NULL, 0);
    if (status) return status;
    (*out)->set_errfile(*out, NULL);
    u_int32_t flags = only_read ? DB_RDONLY : creates ? DB_CREATE | DB_TRUNCATE : 0;
    status = (*out)->open(*out, NULL, path, NULL, creates ? DB_HASH : DB_UNKNOWN, flags, 0644);
    if (status) (void)(*out)->close(*out, DB_NOSYNC);
    return status;
}
static inline int cdb_verify(const char *path) {
    DB *db;
    int status = db_create(&db, NULL, 0);
    if (status) return status;
    db->set_errfile(db, NULL);
    return db->verify(db, path, NULL, NULL, 0);
}
static inline int cdb_close(DB *db) { return db->close(db, 0); }
static inline int cdb_put(DB *db, DBT *key, DBT *value) { return db->put(db, NULL, key, value, 0); }
static inline int cdb_get(DB *db, DBT *key, DBT *value) { return db->get(db, NULL, key, value, 0); }
static inline int cdb_del(DB *db, DBT *key) { return db->del(db, NULL, key, 0); }
static inline int cdb_cursor(DB *db, DBC **cursor) { return db->cursor(db, NULL, cursor, 0); }
static inline int cdb_next(DBC *cursor, DBT *key, DBT *value) { return cursor->get(cursor, key, value, DB_NEXT); }
static inline int cdb_from(DBC *cursor, DBT *key, DBT *value) { return cursor->get(cursor, key, value, DB_SET_RANGE); }
static inline int cdb_delete_here(DBC *cursor) { return cursor->del(cursor, 0); }
static inline void cdb_cursor_close(DBC *cursor) { (void)cursor->close(cursor); }

static const int CDB_NOTFOUND = DB_NOTFOUND;
static const int CDB_KEYEMPTY = DB_KEYEMPTY;

#endif
