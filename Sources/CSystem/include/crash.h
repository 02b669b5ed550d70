/* crash.h — what a process that is about to die leaves behind in shared memory.
 *
 * The handler writes a record and nothing else: no lock, no allocation, no output. The leader, which has the same
 * images at the same addresses, turns it into log lines afterwards. */
#ifndef CRASH_H
#define CRASH_H

#include <stddef.h>
#include <stdint.h>

#define CS_CRASH_REQUEST 512
#define CS_CRASH_FRAMES 48

/** What a thread is doing: whose callback runs, in which hook. Written by its thread, read after a crash, and by threads that
 *  watch it: so each word goes as one, in no order. */
typedef struct cs_activity {
    uint32_t callback; /* whose, and which; see Activity in the host; 0: none */
    uint32_t is_measured; /* whether the host measures what callbacks take now */
    const void *request;
} cs_activity;

static inline uint32_t cs_callback(const cs_activity *activity) { return __atomic_load_n(&activity->callback, __ATOMIC_RELAXED); }
static inline void cs_set_callback(cs_activity *activity, uint32_t callback) {
    __atomic_store_n(&activity->callback, callback, __ATOMIC_RELAXED);
}
static inline uint32_t cs_is_measured(const cs_activity *activity) {
    return __atomic_load_n(&activity->is_measured, __ATOMIC_RELAXED);
}
static inline void cs_set_measured(cs_activity *activity, uint32_t is_measured) {
    __atomic_store_n(&activity->is_measured, is_measured, __ATOMIC_RELAXED);
}

/** Filled in stages, so that a fault while it is written costs only what was to follow. */
typedef struct cs_crash {
    int32_t stage; /* 0: nothing · 1: signal and activity · 2: request · 3: frames */
    int32_t signal, code, thread; /* signal 0: exit(3) was called */
    uint64_t address;
    cs_activity activity;
    uint32_t request_length, frame_count;
    char request[CS_CRASH_REQUEST];
    uint64_t frames[CS_CRASH_FRAMES];
} cs_crash;

/** How many frames come first that say nothing: the handler and the kernel's return from it, or exit and what it calls. */
static inline int cs_crash_frames_to_skip(const cs_crash *crash) { return crash->signal ? 2 : 3; }

/** Describes the request that the thread of `activity` works on into `text`; returns the length. Must be as careful as
 *  a signal handler. */
typedef uint32_t (*cs_describe)(const cs_crash *crash, const cs_activity *activity, char *text, uint32_t capacity);

/** Has SEGV, BUS, FPE, ILL, TRAP, SYS and ABRT recorded, and then taken as always; exit(3), too, with which the caller itself
 *  must not end. With `console` a descriptor, not -1, the request (or what `describe` says instead) and the frames are written
 *  there too, for want of a process that reads the record; of exit(3) only what a callback does, and status 0 becomes 1. */
void cs_crash_install(cs_crash *record, cs_describe describe, int console);
/** From here on the request and the frames are written to `console`, too: whoever reads the record has gone. */
void cs_crash_tell(int console);
/** Gives the calling thread a stack of its own for the handler, and the place where it tells what it does. */
void cs_crash_enter_thread(cs_activity *activity);
/** Gives the stack back, before the thread ends. */
void cs_crash_leave_thread(void);
/** That place; NULL: the thread has none. */
cs_activity *cs_crash_activity(void);

#endif
