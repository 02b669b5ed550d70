/* apus/draft/program.h — helper programs that live as long as a generation: "apus.program/0.1". */
#ifndef APUS_DRAFT_PROGRAM_H
#define APUS_DRAFT_PROGRAM_H
#include "../../apus.h"

#define APUS_EXT_PROGRAM "apus.program/0.1"

typedef struct apus_program_v0 {
    uint32_t size, reserved;
    /** Starts a program whose standard input and output are pipes; every worker inherits their other ends, which are
     *  closed on exec. What it says on standard error goes where the server's own standard error goes. It is sent SIGTERM
     *  when the leader of this generation ends; one that ends earlier is not started again. [main], from open_config,
     *  never with reason CHECK.
     *  @param argv   the program's path and its arguments
     *  @param user   whose rights it gets, and
     *  @param group  of which group; empty: those of the leader. Only root may give others
     *  @param input  what is written here the program reads; @param output  what it writes can be read here
     *  @return APUS_OK, APUS_E_NOT_FOUND: no such user or group, or APUS_E_IO: errno says why */
    apus_status (*start)(const apus_host *host, const apus_str *argv, uint32_t argc, apus_str user, apus_str group,
                         int32_t *input, int32_t *output);
} apus_program_v0;

#endif
