/// Something that a check found out about a module.
struct Finding {
    enum Severity: String {
        /// It may take a server down, or break with the next one.
        case error
        /// It works, and will surprise somebody.
        case warning
        /// Good to know.
        case note
    }

    let severity: Severity
    /// One of the catalog's words.
    let code: String
    /// What was being done when it showed.
    let stage: String
    let text: String
    /// The function of the module that it happened in, if it is a crash.
    var place: String?
}

/// Why each kind of finding matters, and what helps.
enum Catalog {
    static func advice(_ code: String) -> (why: String, remedy: String)? { entries[code] }

    private static let entries: [String: (why: String, remedy: String)] = [
        "crash": (
            "a fault ends the worker, with every request it has at hand",
            "the frames name the place; build with -g to see lines"
        ),
        "hang": (
            "a callback holds the loop, and every other connection of the worker with it",
            "register the hook MAY_BLOCK, or suspend the request and go on later"
        ),
        "holds-loop": (
            "every other connection of the worker waits meanwhile, and the log names the module from 20 ms on",
            "register the hook MAY_BLOCK, suspend the request and go on later, or do less"
        ),
        "overrun": (
            "strings of the host end without a NUL byte, and memory from a pool ends where it ends",
            "use the length of apus_str (memcmp, \"%.*s\"), not strlen, strcmp or \"%s\""
        ),
        "use-after-free": (
            "the memory is somebody else's by then: on a server it holds another request",
            "copy what is to last with apus_pool_v1.dup into a pool that lives as long"
        ),
        "opaque-handle": (
            "handles are names, not structures",
            "ask the functions of the contract"
        ),
        "merge-writes": (
            "merges happen while requests use both sides",
            "make a new configuration from the pool and fill in that"
        ),
        "wrong-thread": (
            "the loop works on the same things at the same time",
            "call it on the loop (apus_tasks_v1.post, or after resume); in a MAY_BLOCK hook use [req] and [any] functions only"
        ),
        "threads-before-fork": (
            "workers are forked, and a fork takes one thread along: what the others held stays locked",
            "start threads in child_init"
        ),
        "resumed-twice": (
            "the second resume meets a request that is gone, or another hook of it",
            "resume exactly once: remember that it was done, or that on_cancel was called"
        ),
        "never-resumed": (
            "the request ends by the server's Timeout, with 504",
            "make sure that every way, the failing ones too, ends in resume"
        ),
        "not-suspendable": (
            "a hook that is not registered MAY_SUSPEND cannot suspend; the request fails with 500",
            "add APUS_HOOK_MAY_SUSPEND to the registration"
        ),
        "suspended-without-task": (
            "nobody can resume it, so the request ends by Timeout",
            "take a task with suspend before APUS_SUSPENDED is returned"
        ),
        "task-not-suspended": (
            "the task is left over, and resuming it later is refused",
            "return APUS_SUSPENDED after a task was taken"
        ),
        "bad-name": ("whoever shows it to people or programs takes it for something else", "see what the header of its group says of names"),
        "bad-status": ("the host answers 500 for a status that it does not know", "return APUS_OK, APUS_DECLINED, APUS_DONE, a status from 100 to 599, or one of APUS_E_…"),
        "no-answer": (
            "a handler that says OK has answered: here nothing was sent",
            "return APUS_DECLINED when the request is not yours, or answer with apus_body_v1.reply or write"
        ),
        "silent-refusal": (
            "the administrator sees that the line is wrong, not why",
            "return apus_config_v1.fail(cmd, …) with a sentence"
        ),
        "fail-not-returned": (
            "an error has been shown, and the start goes on as if there were none",
            "return what apus_config_v1.fail returned"
        ),
        "leak": ("a worker that serves a million requests has that much less memory", "free in the same hook, use the request's pool, or register apus_pool_v1.on_destroy"),
        "descriptor-leak": ("a worker runs out of descriptors, and then serves nobody", "close them; use apus_pool_v1.on_destroy for early ends"),
        "out-of-memory": (
            "a request that is refused memory should fail alone, not take its worker along",
            "look at what pool functions return, and answer APUS_E_NOMEM"
        ),
        "ignored-refusal": (
            "the module believes that it is registered, and is not",
            "return a negative status from attach when the host refuses a registration"
        ),
        "check-makes": (
            "with reason CHECK (-t) a server may be running with the same files",
            "create, bind and open nothing when the reason is APUS_OPEN_CHECK"
        ),
        "null-table": (
            "a host may lack what is optional",
            "name it in requires_ids, or look whether the table is NULL (APUS_HAS)"
        ),
        "undeclared-extension": (
            "a host that does not offer it loads the module all the same, which then calls NULL",
            "name it in requires_ids, or in optional_ids and look whether it is there"
        ),
        "beyond-table": ("an older host has a shorter table, with nothing there", "ask APUS_HAS before functions of later revisions"),
        "stale-handle": ("what it names has ended; its memory may be another's", "keep a token or a task instead of a pointer, and expect APUS_E_STALE"),
        "wrong-handle": ("the host takes it for something else", "pass the handle that the function asks for"),
        "exports": ("symbols of two modules can meet", "build with -fvisibility=hidden, or link with a version script that leaves apus_module_entry alone"),
        "entry": ("the host asks for modules by name", "return the descriptor for its own name and for the empty one, NULL for all others"),
        "descriptor": ("the host refuses the module, or shows nonsense", "see apus.h"),
        "registration": ("the host refuses the registration, and with it the module", "see apus/hooks.h"),
        "filter-end": ("the client waits for the end of the body", "pass APUS_SEG_END on, once, as the last thing"),
        "filter-lost": ("the body is not whole", "pass on everything, or make something of it"),
        "borrowed": ("the memory of the bytes is never given back", "look for a way on which the module forgets its own"),
        "image": ("see apus module info", "see docs/module-guide.md on building"),
        "attach-failed": ("the server does not start with it", "what it logged says why"),
    ]
}
