/* csystem.h — the macros and calls of Linux and glibc that Swift cannot see; crash.h has what must run in a signal handler. */
#ifndef CSYSTEM_H
#define CSYSTEM_H

#include <elf.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/un.h>

#include "crash.h"

/** Which bytes may stand where in a head: bit 1 a token, bit 2 a request target, bit 4 a field value, bit 8 a host
 *  name (RFC 9110, 5.5 and 5.6.2; RFC 3986). A table in C, for one in Swift is asked at each use whether it has been made. */
extern const uint8_t cs_byte_classes[256];
static inline uint8_t cs_byte_class(uint8_t byte) { return cs_byte_classes[byte]; }

/** Where ModuleKit keeps the host's tables, zero until the module is entered: in C for the same reason. */
extern const void *cs_module_tables[64];
static inline void *cs_tables_of_module(void) { return cs_module_tables; }
/** The lock of all log targets of the process. */
extern pthread_mutex_t cs_the_log_lock;
static inline pthread_mutex_t *cs_log_lock(void) { return &cs_the_log_lock; }

int cs_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int cs_pipe2(int fds[2], int flags);
/** PR_SET_PDEATHSIG: the kernel sends `signal` to this process when its parent ends; 0: it does not. Kept by exec. */
int cs_die_with_parent(int signal);
/** PR_SET_CHILD_SUBREAPER: orphaned descendants become children of this process. */
int cs_adopt_orphans(void);
/** PR_SET_DUMPABLE: whether a crash may leave a core file; giving up root's rights forbids it. */
int cs_set_dumpable(int dumpable);
int cs_set_no_new_privs(void);
/** The system's number of the calling thread. */
int32_t cs_thread_id(void);
/** An anonymous file; sealed against every change when `bytes` is given. -1: errno says why. */
int cs_memfd(const char *name);
int cs_memfd_sealed(const char *name, const void *bytes, size_t length);
/** Whether an anonymous file can neither shrink nor change any more: so that mapping it is safe, whoever made it. */
int cs_is_sealed(int fd);
int cs_wait_exited(int status);
int cs_wait_exit_status(int status);
int cs_wait_signaled(int status);
int cs_wait_signal(int status);
int cs_wait_dumped(int status);
int cs_wait_stopped(int status);
/** Number of threads of this process, from /proc/self/task; -1 when it cannot be read. */
int cs_thread_count(void);
/** For a child about to exec: no signal is blocked, none is ignored. */
void cs_reset_signals(void);
/** A program to start with three descriptors and nothing else open. */
struct cs_program {
    const char *path, *directory;
    char *const *argv, *const *envp;
    int input, output, errors;
    /** Soft and hard limits of processor seconds, bytes of memory and processes; -1: as they are. */
    int64_t cpu[2], memory[2], processes[2];
};
/** Starts it without copying this process. The calling thread stands still until it runs. The pid, or an errno below zero. */
pid_t cs_start_program(const struct cs_program *program);
/** tgkill to the first thread of a process. */
int cs_signal_first_thread(pid_t process, int signal);
/** Size of a robust, process-shared mutex, and its operations. */
size_t cs_mutex_size(void);
int cs_mutex_init(void *where);
int cs_mutex_lock(void *mutex);     /* 0, EOWNERDEAD (made consistent), or an errno */
int cs_mutex_trylock(void *mutex);
int cs_mutex_unlock(void *mutex);
/** Atomics on plain shared memory. */
int64_t cs_load(const int64_t *cell);
void cs_store(int64_t *cell, int64_t value);
/** The same, after everything that was written before. */
void cs_publish(int64_t *cell, int64_t value);
int cs_compare_exchange(int64_t *cell, int64_t expected, int64_t value);
/** The address of a symbol's defining file, as dladdr says; NULL: unknown. */
const char *cs_image_of(const void *address);
/** The file an address was mapped from, and where that file begins; 0: unknown. */
int cs_image_at(const void *address, const char **file, const void **base);
/** One packet of a SOCK_SEQPACKET or SOCK_DGRAM socket, with one descriptor beside it or none (-1). As send and recv,
 *  but sending never waits; a packet that does not fit into `capacity` fails with EMSGSIZE. Received descriptors are close-on-exec. */
ssize_t cs_send_packet(int socket, const void *bytes, size_t length, int descriptor);
ssize_t cs_receive_packet(int socket, void *bytes, size_t capacity, int *descriptor);
/** Opens a file for reading whose path leads through no symbolic link at all; ELOOP: it does. Where the kernel cannot tell
 *  (before Linux 5.6), the last part alone is looked at. */
int cs_open_without_links(const char *path);
/** SIOCOUTQ: bytes that the peer has not acknowledged; -1: unknown. */
int cs_unsent(int socket);
/** The process and user at the other end of a Unix socket. */
int cs_peer(int socket, pid_t *process, uid_t *user);

#endif
