/* apus/leader.h — the leader of a generation at work for modules: files it watches, messages to all processes, work
 * that one worker does for all: "apus.leader/1".
 *
 * The leader keeps root's rights when the server was started with them, and forks each worker that takes the place of
 * another. What a module changes in its own memory there, every later worker inherits. */
#ifndef APUS_LEADER_H
#define APUS_LEADER_H
#include "../apus.h"

#define APUS_EXT_LEADER "apus.leader/1"

/** A file was changed, replaced, removed or made. [leader] `path` lives for the call. */
typedef void (*apus_file_changed_fn)(void *ctx, apus_str path);
/** A message of the module's own has come. [leader] or, in a worker, on its loop. Both strings live for the call. In the
 *  leader it may come from a worker: then it is as hostile as what clients send. */
typedef void (*apus_message_fn)(void *ctx, apus_str name, apus_str bytes);

typedef struct apus_leader_v1 {
    uint32_t size, reserved;
    /** Has the leader look at a file about once a second, through symbolic links, for as long as the generation lives. The
     *  file need not exist yet. [main], from open_config, never with reason CHECK. @param path  relative to ServerRoot
     *  @return APUS_OK, APUS_E_INVALID or APUS_E_THREAD */
    apus_status (*watch_file)(const apus_host *host, apus_str path, apus_file_changed_fn changed, void *ctx);
    /** Says who gets the module's messages, in every process; the last call counts. [main], from attach or open_config
     *  @return APUS_OK, APUS_E_INVALID or APUS_E_THREAD */
    apus_status (*on_message)(const apus_host *host, apus_message_fn receive, void *ctx);
    /** Sends a message to all processes of this generation: to the leader first, then to every worker, the sender
     *  included. Messages of the leader arrive in their order. [leader], or on a worker's loop.
     *  @param name  1 to 128 bytes without control characters  @param bytes  64 MiB at most; copied
     *  @return APUS_OK; APUS_E_INVALID: no such name may be; APUS_E_TOO_BIG; APUS_E_NOMEM; APUS_E_THREAD */
    apus_status (*broadcast)(const apus_host *host, apus_str name, apus_str bytes);
    /** Asks to be the one worker that does a kind of work for all. The lease holds for five seconds: ask again at least
     *  every two, by a timer, as long as the work goes on. Another worker gets it when this one dies or falls silent.
     *  In the process that is all there is (-X) always OK. Two names of a module may share a lease: then one worker does both. On a
     *  worker's loop.
     *  @return APUS_OK: do it; APUS_DECLINED: another worker does; APUS_E_THREAD */
    apus_status (*lease)(const apus_host *host, apus_str name);
    /** Gives a lease back before its time; APUS_OK also when it was another's. On a worker's loop. */
    apus_status (*release)(const apus_host *host, apus_str name);
} apus_leader_v1;

#endif
