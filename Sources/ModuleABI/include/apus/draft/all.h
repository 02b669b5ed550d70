/* apus/draft/all.h — every draft.
 *
 * A draft is not part of ABI 1.0: it may change, or go, with any release of the server. Its ids and groups bear a revision below
 * 1, "apus.upgrade/0.1", whose last number changes with each change that could break a module. A host that offers another
 * one refuses a module that requires it, so list the ids among `requires_ids`. One that has proved itself becomes revision
 * 1 and moves to apus/; docs/abi.md says when. */
#ifndef APUS_DRAFT_ALL_H
#define APUS_DRAFT_ALL_H
#include "handover.h"
#include "inspect.h"
#include "preface.h"
#include "program.h"
#include "protocol.h"
#include "session.h"
#include "tap.h"
#include "timeouts.h"
#include "transport.h"
#include "upstream.h"
#endif
