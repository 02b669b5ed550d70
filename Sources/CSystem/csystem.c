#define _GNU_SOURCE
#include "csystem.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <linux/close_range.h>
#include <linux/openat2.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A row holds 32 bytes. Controls are nothing but TAB, which may stand in a value; 0x80 and above in targets and values. */
const uint8_t cs_byte_classes[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    4, 7, 6, 7, 7, 7, 7, 7, 6, 6, 7, 7, 6, 15, 15, 6, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 6, 6, 6, 6, 6,
    6, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 6, 6, 7, 15,
    7, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 7, 6, 15, 0,
    6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6,
    6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6,
    6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6,
    6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6,
};

const void *cs_module_tables[64];
pthread_mutex_t cs_the_log_lock = PTHREAD_MUTEX_INITIALIZER;

int cs_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
    return accept4(fd, address, length, flags);
}
int cs_pipe2(int fds[2], int flags) { return pipe2(fds, flags); }
int cs_die_with_parent(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }
int cs_adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }
int cs_set_dumpable(int dumpable) { return prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0); }
int cs_set_no_new_privs(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }
int32_t cs_thread_id(void) { return (int32_t)syscall(SYS_gettid); }

int cs_memfd(const char *name) { return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING); }

int cs_memfd_sealed(const char *name, const void *bytes, size_t length) {
    int fd = cs_memfd(name);
    if (fd < 0) return -1;
    for (size_t done = 0; done < length;) {
        ssize_t count = write(fd, (const char *)bytes + done, length - done);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) {
            close(fd);
            return -1;
        }
        done += (size_t)count;
    }
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    return fd;
}

int cs_is_sealed(int fd) {
    int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & F_SEAL_SHRINK) && (seals & F_SEAL_WRITE);
}

int cs_wait_exited(int status) { return WIFEXITED(status); }
int cs_wait_exit_status(int status) { return WEXITSTATUS(status); }
int cs_wait_signaled(int status) { return WIFSIGNALED(status); }
int cs_wait_signal(int status) { return WTERMSIG(status); }
int cs_wait_dumped(int status) { return WCOREDUMP(status) ? 1 : 0; }

int cs_wait_stopped(int status) { return WIFSTOPPED(status); }

int cs_thread_count(void) {
    DIR *tasks = opendir("/proc/self/task");
    if (!tasks) return -1;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;)
        if (entry->d_name[0] != '.') count++;
    closedir(tasks);
    return count;
}


void cs_reset_signals(void) {
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}
static int limit(int what, const int64_t wanted[2]) {
    struct rlimit now;
    if (wanted[0] < 0 && wanted[1] < 0) return 0;
    if (getrlimit(what, &now) != 0) return -1;
    if (wanted[1] >= 0 && (rlim_t)wanted[1] < now.rlim_max) now.rlim_max = (rlim_t)wanted[1];
    if (wanted[0] >= 0) now.rlim_cur = (rlim_t)wanted[0];
    if (now.rlim_cur > now.rlim_max) now.rlim_cur = now.rlim_max;
    return setrlimit(what, &now);
}

/* In the child: the parent's memory, borrowed until exec. Touches nothing but its own stack. */
static int run_program(const struct cs_program *program) {
    int fds[3] = {program->input, program->output, program->errors};
    /* Away from 0, 1 and 2, so that none is overwritten before its turn. */
    for (int i = 0; i < 3; i++)
        if (fds[i] < 3 && (fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3)) < 0) return errno;
    for (int i = 0; i < 3; i++)
        if (dup2(fds[i], i) < 0) return errno;
    /* Every descriptor of ours is close-on-exec; those of libraries may not be. */
    syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC);
    if (chdir(program->directory) != 0) return errno;
    if (limit(RLIMIT_CPU, program->cpu) || limit(RLIMIT_AS, program->memory) || limit(RLIMIT_NPROC, program->processes))
        return errno;
    cs_reset_signals();
    execve(program->path, program->argv, program->envp);
    return errno;
}

pid_t cs_start_program(const struct cs_program *program) {
    volatile int failure = 0;
    sigset_t all, before;
    sigfillset(&all);
    /* No handler of this process may run in the child. */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = vfork();
    if (pid == 0) {
        failure = run_program(program);
        _exit(127);
    }
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0) return -error;
    if (failure == 0) return pid;
    waitpid(pid, NULL, 0);
    return -failure;
}

int cs_signal_first_thread(pid_t process, int number) { return (int)syscall(SYS_tgkill, process, process, number); }

size_t cs_mutex_size(void) { return sizeof(pthread_mutex_t); }

int cs_mutex_init(void *where) {
    pthread_mutexattr_t attributes;
    int error = pthread_mutexattr_init(&attributes);
    if (error) return error;
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    error = pthread_mutex_init(where, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return error;
}

/* The next user of a lock whose owner died repairs the lock; what it guards is for the caller to look at. */
static int recovered(void *mutex, int error) {
    if (error == EOWNERDEAD) pthread_mutex_consistent(mutex);
    return error;
}
int cs_mutex_lock(void *mutex) { return recovered(mutex, pthread_mutex_lock(mutex)); }
int cs_mutex_trylock(void *mutex) { return recovered(mutex, pthread_mutex_trylock(mutex)); }
int cs_mutex_unlock(void *mutex) { return pthread_mutex_unlock(mutex); }

int64_t cs_load(const int64_t *cell) { return __atomic_load_n(cell, __ATOMIC_RELAXED); }
void cs_store(int64_t *cell, int64_t value) { __atomic_store_n(cell, value, __ATOMIC_RELAXED); }
void cs_publish(int64_t *cell, int64_t value) { __atomic_store_n(cell, value, __ATOMIC_SEQ_CST); }

int cs_compare_exchange(int64_t *cell, int64_t expected, int64_t value) {
    return __atomic_compare_exchange_n(cell, &expected, value, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

int cs_image_at(const void *address, const char **file, const void **base) {
    Dl_info info;
    if (!dladdr(address, &info) || !info.dli_fname) return 0;
    *file = info.dli_fname;
    *base = info.dli_fbase;
    return 1;
}

const char *cs_image_of(const void *address) {
    Dl_info info;
    return dladdr(address, &info) ? info.dli_fname : NULL;
}

union one_descriptor {
    char room[CMSG_SPACE(sizeof(int))];
    struct cmsghdr aligned;
};

ssize_t cs_send_packet(int socket, const void *bytes, size_t length, int descriptor) {
    struct iovec part = {(void *)bytes, length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union one_descriptor control;
    if (descriptor >= 0) {
        message.msg_control = control.room;
        message.msg_controllen = sizeof control.room;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

ssize_t cs_receive_packet(int socket, void *bytes, size_t capacity, int *descriptor) {
    struct iovec part = {bytes, capacity};
    union one_descriptor control;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = CMSG_LEN(sizeof(int))};
    *descriptor = -1;
    ssize_t count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (count < 0) return count;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(descriptor, CMSG_DATA(header), sizeof(int));
    int is_cut = message.msg_flags & MSG_TRUNC;
    if (*descriptor >= 0 && (is_cut || count == 0)) {
        close(*descriptor);
        *descriptor = -1;
    }
    if (!is_cut) return count;
    errno = EMSGSIZE;
    return -1;
}

int cs_open_without_links(const char *path) {
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd;
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
}

int cs_unsent(int socket) {
    int bytes = 0;
    return ioctl(socket, SIOCOUTQ, &bytes) == 0 ? bytes : -1;
}

int cs_peer(int socket, pid_t *process, uid_t *user) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return -1;
    *process = peer.pid;
    *user = peer.uid;
    return 0;
}
