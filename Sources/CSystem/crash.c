#define _GNU_SOURCE
#include "crash.h"

#include <execinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static cs_crash *record;
static cs_describe describe;
static int console = -1;
/* Whose record it is: a child of a worker's has the same memory, and is not to write there. */
static pid_t owner;
static __thread cs_activity *activity __attribute__((tls_model("initial-exec")));

/* Stages are ordered for a reader in another process, which looks only after this one has died. */
static void reached(int stage) { __atomic_store_n(&record->stage, stage, __ATOMIC_RELEASE); }

/* `info` is NULL when no signal came: exit(3) was called. A part of its caller, so that readers know how many frames are ours. */
static inline __attribute__((always_inline)) void fill_record(int number, siginfo_t *info) {
    /* The first thread to crash is the one to tell of: another waits for the end, and this one's second fault is it. */
    int32_t first = 0, self = (int32_t)syscall(SYS_gettid);
    if (!__atomic_compare_exchange_n(&record->thread, &first, self, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        while (first != self) pause();
        return;
    }
    record->signal = number;
    record->code = info ? info->si_code : 0;
    record->address = info ? (uint64_t)(uintptr_t)info->si_addr : 0;
    if (activity) record->activity = *activity;
    reached(1);
    if (activity && describe) record->request_length = describe(record, activity, record->request, CS_CRASH_REQUEST);
    reached(2);
    void *frames[CS_CRASH_FRAMES];
    int count = backtrace(frames, CS_CRASH_FRAMES);
    for (int i = 0; i < count; i++) record->frames[i] = (uint64_t)(uintptr_t)frames[i];
    record->frame_count = (uint32_t)count;
    reached(3);
    if (console < 0) return;
    if (write(console, record->request, record->request_length) < 0 || write(console, "\n", 1) < 0) return;
    int skipped = cs_crash_frames_to_skip(record);
    if (count > skipped) backtrace_symbols_fd(frames + skipped, count - skipped, console);
}

static void record_crash(int number, siginfo_t *info, void *context) {
    (void)context;
    if (getpid() == owner || console >= 0) fill_record(number, info);
    /* A fault comes again by itself; a signal that somebody sent, and a trap that is over, have to be sent again. */
    if (info->si_code <= 0 || number == SIGTRAP || number == SIGSYS) syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), number);
}

/* Who records ends otherwise than by exit(3), or outside every callback: this one is somebody else's. */
static void record_exit(int status, void *unused) {
    (void)unused;
    int is_told_here = console >= 0;
    if (getpid() != owner && !is_told_here) return;
    if (is_told_here && !(activity && activity->callback)) return;
    fill_record(0, NULL);
    if (is_told_here && status == 0) _exit(1);
}

void cs_crash_enter_thread(cs_activity *place) {
    activity = place;
    stack_t stack = {.ss_size = 64 << 10};
    stack.ss_sp = malloc(stack.ss_size);
    if (stack.ss_sp) sigaltstack(&stack, NULL);
}

void cs_crash_tell(int descriptor) { console = descriptor; }

void cs_crash_leave_thread(void) {
    stack_t none = {.ss_flags = SS_DISABLE}, stack;
    activity = NULL;
    if (sigaltstack(&none, &stack) == 0) free(stack.ss_sp);
}

cs_activity *cs_crash_activity(void) { return activity; }

void cs_crash_install(cs_crash *where, cs_describe how, int descriptor) {
    record = where;
    describe = how;
    console = descriptor;
    if (!owner) on_exit(record_exit, NULL);
    owner = getpid();
    /* The first call loads the unwinder, which a handler must not do. */
    void *frame;
    backtrace(&frame, 1);
    /* Once only: the second time, and when the handler returns to the fault, the signal has its usual effect. */
    struct sigaction action = {.sa_sigaction = record_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND};
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) sigaction(fatal[i], &action, NULL);
}
