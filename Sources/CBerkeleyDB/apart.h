/* Reading a Berkeley DB file in a process of its own: a damaged file can crash its reader, or keep it busy for ever. */
#ifndef APUS_CBERKELEYDB_APART_H
#define APUS_CBERKELEYDB_APART_H
#include "shim.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A value that is longer is told by its length alone. */
#define CDB_LONGEST_VALUE (64 << 10)
/* What a reader may say at most, whatever has become of it. */
#define CDB_LONGEST_REPLY (4 << 20)

static inline void cdb_say(int out, const void *bytes, size_t length) {
    while (length > 0) {
        ssize_t written = write(out, bytes, length);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) _exit(1);
        bytes = (const char *)bytes + written;
        length -= (size_t)written;
    }
}

static inline void cdb_say_value(int out, const DBT *value) {
    cdb_say(out, &value->size, sizeof value->size);
    if (value->size <= CDB_LONGEST_VALUE) cdb_say(out, value->data, value->size);
}

/* The child: says a status; then, when that is 0, the value of the key; then the first few values of the file. Only what is
 * safe after a fork of one of several threads, and what the C library makes so: malloc. */
static inline void cdb_child(const char *path, const void *key, size_t length, int samples, int out) {
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGTERM};
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) signal(deadly[i], SIG_DFL);
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    DB *db;
    DBT name = cdb_datum(key, length), value = cdb_datum(NULL, 0);
    int32_t status = cdb_open_table(&db, path, 1, 0);
    if (status) {
        cdb_say(out, &status, sizeof status);
        _exit(0);
    }
    status = cdb_get(db, &name, &value);
    cdb_say(out, &status, sizeof status);
    if (status == 0) cdb_say_value(out, &value);
    DBC *cursor;
    if (samples > 0 && cdb_cursor(db, &cursor) == 0) {
        DBT next = cdb_datum(NULL, 0);
        memset(&value, 0, sizeof value);
        while (samples-- > 0 && cdb_next(cursor, &next, &value) == 0) cdb_say_value(out, &value);
    }
    _exit(0);
}

static inline int64_t cdb_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads to the end of what a reader says. 0: it said all in time. */
static inline int cdb_listen(int in, int64_t patience, unsigned char **reply, size_t *length) {
    int64_t end = cdb_milliseconds() + patience;
    size_t room = 0;
    for (;;) {
        if (*length == room) {
            room = room ? room * 2 : 8192;
            unsigned char *larger = room <= CDB_LONGEST_REPLY ? realloc(*reply, room) : NULL;
            if (!larger) return EFBIG;
            *reply = larger;
        }
        struct pollfd wait = {in, POLLIN, 0};
        int64_t left = end - cdb_milliseconds();
        if (left <= 0) return ETIMEDOUT;
        int ready = poll(&wait, 1, (int)left);
        if (ready < 0 && errno != EINTR) return errno;
        if (ready <= 0) continue;
        ssize_t count = read(in, *reply + *length, room - *length);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno;
        if (count == 0) return 0;
        *length += (size_t)count;
    }
}

/* What a child of its own finds: the caller frees `reply`. @return 0; a signal that ended it, negative; or an errno */
static inline int cdb_read_apart(const char *path, const void *key, size_t key_length, int samples, int64_t patience,
                                 unsigned char **reply, size_t *length) {
    int ends[2];
    *reply = NULL;
    *length = 0;
    if (pipe2(ends, O_CLOEXEC)) return errno;
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        cdb_child(path, key, key_length, samples, ends[1]);
    }
    close(ends[1]);
    int status = child < 0 ? errno : cdb_listen(ends[0], patience, reply, length);
    close(ends[0]);
    if (child < 0) return status;
    if (status) kill(child, SIGKILL);
    int ended = 0;
    while (waitpid(child, &ended, 0) < 0 && errno == EINTR) {}
    return status ? status : WIFSIGNALED(ended) ? -WTERMSIG(ended) : 0;
}
#endif
