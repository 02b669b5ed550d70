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
static __thread cs_activity *activity __attribute__((tls_model("initial-exec")));

/* Stages are ordered for a reader in another process, which looks only after this one has died. */
static void reached(int stage) { __atomic_store_n(&record->stage, stage, __ATOMIC_RELEASE); }

static void fill_record(int number, siginfo_t *info) {
    /* The first thread to crash is the one to tell of: another waits for the end, and this one's second fault is it. */
    int32_t first = 0, self = (int32_t)syscall(SYS_gettid);
    if (!__atomic_compare_exchange_n(&record->thread, &first, self, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        while (first != self) pause();
        return;
    }
    record->signal = number;
    record->code = info->si_code;
    record->address = (uint64_t)(uintptr_t)info->si_addr;
    if (activity) record->activity = *activity;
    reached(1);
    if (activity && describe) record->request_length = describe(activity, record->request, CS_CRASH_REQUEST);
    reached(2);
    void *frames[CS_CRASH_FRAMES];
    int count = backtrace(frames, CS_CRASH_FRAMES);
    for (int i = 0; i < count; i++) record->frames[i] = (uint64_t)(uintptr_t)frames[i];
    record->frame_count = (uint32_t)count;
    reached(3);
    if (console < 0) return;
    if (write(console, record->request, record->request_length) < 0 || write(console, "\n", 1) < 0) return;
    /* Without the handler's own frames. */
    if (count > 2) backtrace_symbols_fd(frames + 2, count - 2, console);
}

static void record_crash(int number, siginfo_t *info, void *context) {
    (void)context;
    fill_record(number, info);
    /* A fault comes again by itself; a signal that somebody sent, and a trap that is over, have to be sent again. */
    if (info->si_code <= 0 || number == SIGTRAP || number == SIGSYS) syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), number);
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
    /* The first call loads the unwinder, which a handler must not do. */
    void *frame;
    backtrace(&frame, 1);
    /* Once only: the second time, and when the handler returns to the fault, the signal has its usual effect. */
    struct sigaction action = {.sa_sigaction = record_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND};
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) sigaction(fatal[i], &action, NULL);
}
