//! The contract between host and modules as it stands in the headers. Written by abi/rust: do not edit.
#![allow(non_camel_case_types, missing_docs)]

use std::os::raw::{c_char, c_void};

// ---- apus.h

/// changes never, if it can be helped
pub const APUS_ABI_MAJOR: u32 = 1;
/// grows with what is added
pub const APUS_ABI_MINOR: u32 = 0;
/// Borrowed bytes: any encoding, no terminating NUL implied. `ptr` may be NULL when `len` is 0.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_str {
    pub ptr: *const c_char,
    pub len: usize,
}

/// What a call or a hook answers: one of APUS_OK … APUS_RECOVERED, an HTTP status (100…599), or a negative error. Others are
///  not used; a negative one that a module does not know is an error like APUS_E_FAIL. A few functions answer numbers of their
///  own and say so.
pub type apus_status = i32;

/// done; a hook of kind FIRST ends its phase, one of kind ALL lets the next one run
pub const APUS_OK: i32 = 0;
/// not mine: the next one is asked
pub const APUS_DECLINED: i32 = 1;
/// the request is answered: skip what is left but logging
pub const APUS_DONE: i32 = 2;
/// a task taken with apus_tasks_v1.suspend will go on later
pub const APUS_SUSPENDED: i32 = 3;
/// nothing now: ask again when the host says so
pub const APUS_AGAIN: i32 = 4;
/// of apus_mutex_v1.lock: it is yours, and its last owner died with it
pub const APUS_RECOVERED: i32 = 5;
/// failed; the reason has been logged or set with apus_config_v1.fail
pub const APUS_E_FAIL: i32 = -1;
/// no memory, or over a limit of the pool
pub const APUS_E_NOMEM: i32 = -2;
/// an argument is outside its range, or a table's size is too small
pub const APUS_E_INVALID: i32 = -3;
/// no such name
pub const APUS_E_NOT_FOUND: i32 = -4;
/// the name exists with another signature
pub const APUS_E_TYPE: i32 = -5;
/// the task, connection or request is gone
pub const APUS_E_STALE: i32 = -6;
/// the name is taken
pub const APUS_E_EXISTS: i32 = -7;
/// the value does not fit
pub const APUS_E_TOO_BIG: i32 = -8;
/// the system refused; errno says why
pub const APUS_E_IO: i32 = -9;
/// called on a thread where it is not allowed
pub const APUS_E_THREAD: i32 = -10;
/// the peer has gone
pub const APUS_E_CLOSED: i32 = -11;
/// not offered by this host, provider or build
pub const APUS_E_UNSUPPORTED: i32 = -12;
/// the time is over
pub const APUS_E_TIMEOUT: i32 = -13;
/// A function of unknown type; always cast back to the type its signature text states before a call.
pub type apus_fn = Option<unsafe extern "C" fn()>;

/// A callback with its context. Call `fn` as the type that its signature says, with `ctx` first.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_link {
    pub fn_: apus_fn,
    pub ctx: *mut c_void,
    /// the APUS_HOOK_… flags it was registered with
    pub flags: u32,
    /// the host's own
    pub reserved: u32,
}

/// Names a suspended request from anywhere; 0 is none. A stale one is answered APUS_E_STALE.
pub type apus_task = u64;

/// Names a connection from anywhere; 0 is none.
pub type apus_token = u64;

/// one request
#[repr(C)]
pub struct apus_req {
    _opaque: [u8; 0],
}

/// one connection
#[repr(C)]
pub struct apus_conn {
    _opaque: [u8; 0],
}

/// the main server or a virtual host
#[repr(C)]
pub struct apus_server {
    _opaque: [u8; 0],
}

/// memory that is freed at once
#[repr(C)]
pub struct apus_pool {
    _opaque: [u8; 0],
}

/// where in the configuration a value stands
#[repr(C)]
pub struct apus_scope {
    _opaque: [u8; 0],
}

/// one directive being handled
#[repr(C)]
pub struct apus_cmd {
    _opaque: [u8; 0],
}

/// a sequence of body segments
#[repr(C)]
pub struct apus_chain {
    _opaque: [u8; 0],
}

/// one filter on one request
#[repr(C)]
pub struct apus_filter {
    _opaque: [u8; 0],
}

/// a declared hook
#[repr(C)]
pub struct apus_hook {
    _opaque: [u8; 0],
}

/// a compiled regular expression
#[repr(C)]
pub struct apus_regex {
    _opaque: [u8; 0],
}

/// the methods that a \<Limit\> names
#[repr(C)]
pub struct apus_methods {
    _opaque: [u8; 0],
}

/// a compiled expression
#[repr(C)]
pub struct apus_expr {
    _opaque: [u8; 0],
}

/// a log file, pipe or other target
#[repr(C)]
pub struct apus_log_sink {
    _opaque: [u8; 0],
}

/// a shared memory segment
#[repr(C)]
pub struct apus_shm {
    _opaque: [u8; 0],
}

/// a lock between processes
#[repr(C)]
pub struct apus_mutex {
    _opaque: [u8; 0],
}

/// What the host gives a module: one per module, so the host knows who is calling. Valid for ever, once `attach` was called
///  with it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_host {
    /// sizeof(apus_host) as the host was built
    pub size: u32,
    /// APUS_ABI_MAJOR and APUS_ABI_MINOR as the host was built
    pub abi_major: u16,
    /// APUS_ABI_MAJOR and APUS_ABI_MINOR as the host was built
    pub abi_minor: u16,
    /// the host's own; do not touch
    pub self_: *mut c_void,
    /// The table of functions named `id`, such as "apus.request/1". \[any\]
    ///  @return a table that begins with its size and is valid for ever, or NULL: not offered by this host
    pub extension: Option<unsafe extern "C" fn(host: *const apus_host, id: *const c_char) -> *const c_void>,
}

/// outside all sections, and in \<VirtualHost\>
pub const APUS_IN_SERVER: u32 = 0x01;
/// outside all sections only
pub const APUS_IN_GLOBAL: u32 = 0x02;
/// \<Directory\>, \<DirectoryMatch\>
pub const APUS_IN_DIRECTORY: u32 = 0x04;
/// \<Location\>, \<LocationMatch\>
pub const APUS_IN_LOCATION: u32 = 0x08;
/// \<Files\>, \<FilesMatch\>
pub const APUS_IN_FILES: u32 = 0x10;
/// .htaccess, when AllowOverride allows its override class
pub const APUS_IN_HTACCESS: u32 = 0x20;
pub const APUS_IN_SECTIONS: u32 = APUS_IN_DIRECTORY | APUS_IN_LOCATION | APUS_IN_FILES;
pub const APUS_IN_ANY: u32 = APUS_IN_SERVER | APUS_IN_SECTIONS | APUS_IN_HTACCESS;
pub const APUS_OVERRIDE_NONE: u32 = 0;
pub const APUS_OVERRIDE_AUTH: u32 = 0x01;
pub const APUS_OVERRIDE_FILEINFO: u32 = 0x02;
pub const APUS_OVERRIDE_INDEXES: u32 = 0x04;
pub const APUS_OVERRIDE_LIMIT: u32 = 0x08;
pub const APUS_OVERRIDE_OPTIONS: u32 = 0x10;
/// min_args … max_args words
pub const APUS_SHAPE_ARGS: u32 = 0;
/// one word, On or Off in any case; argv\[0\] is "On" or "Off"
pub const APUS_SHAPE_FLAG: u32 = 1;
/// one argument: the rest of the line as it stands
pub const APUS_SHAPE_RAW: u32 = 2;
/// one call a word
pub const APUS_SHAPE_EACH: u32 = 3;
/// the first word with each of the others, one call a pair
pub const APUS_SHAPE_PAIRS: u32 = 4;
/// a section; argv\[0\] is its argument; walk its body with apus_config_v1.walk
pub const APUS_SHAPE_SECTION: u32 = 5;
/// max_args: no bound
pub const APUS_MANY: u32 = 0xffff;
/// `conf` is the directory configuration; else the server configuration
pub const APUS_DIRECTIVE_DIR_CONF: u32 = 0x01;
/// a second one in the same scope is an error
pub const APUS_DIRECTIVE_ONCE: u32 = 0x02;
/// its arguments are redacted in dumps
pub const APUS_DIRECTIVE_SECRET: u32 = 0x04;
/// accepted with a warning that quotes `help`
pub const APUS_DIRECTIVE_DEPRECATED: u32 = 0x08;
/// One directive. Rows grow at their end: `directive_stride` says how long they are.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_directive {
    /// compared without case; that of a section may begin with '\<'
    pub name: *const c_char,
    pub min_args: u32,
    pub max_args: u32,
    /// APUS_IN_…
    pub where_: u32,
    /// APUS_OVERRIDE_…, consulted in .htaccess only
    pub override_class: u32,
    /// APUS_DIRECTIVE_…
    pub flags: u32,
    /// APUS_SHAPE_…
    pub shape: u32,
    /// Handles one directive. \[main\], or \[conn\] for .htaccess.
    ///  @param ctx   what the module's `attach` returned
    ///  @param conf  the module's configuration of the scope at hand, server or directory (flags)
    ///  @param argv  valid for the call only
    ///  @return APUS_OK, or what apus_config_v1.fail returned
    pub handle: Option<unsafe extern "C" fn(ctx: *mut c_void, cmd: *const apus_cmd, conf: *mut c_void, argv: *const apus_str, argc: u32) -> apus_status>,
    /// one line: what its arguments are
    pub help: *const c_char,
    /// the module's own for this row; see apus_config_v1.data
    pub data: *mut c_void,
}

/// server: a virtual host without directives of the module has the main server's value
///                                        itself. For those whose merging changes nothing then, and that are not changed later
pub const APUS_CONF_INHERITED: u32 = 0x01;
/// How the module's configuration of one kind is made and merged. All \[main\], or \[conn\] for merges at request time.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_conf_ops {
    pub size: u32,
    /// APUS_CONF_…
    pub flags: u32,
    /// Makes an empty configuration for `scope` in `pool`; where no directive asks for one it may never be called. NULL member:
    ///  the module has none of this kind.
    pub create: Option<unsafe extern "C" fn(ctx: *mut c_void, pool: *mut apus_pool, scope: *const apus_scope) -> *mut c_void>,
    /// Makes in `pool` what holds where `over` stands inside `base`; neither is changed. NULL member: `over` replaces `base`.
    pub merge: Option<unsafe extern "C" fn(ctx: *mut c_void, pool: *mut apus_pool, base: *const c_void, over: *const c_void) -> *mut c_void>,
}

/// bears only one request at a time in a process
pub const APUS_MODULE_ONE_REQUEST: u32 = 0x01;
/// The module descriptor: static data.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_module {
    /// sizeof(apus_module) as the module was built
    pub size: u32,
    /// APUS_ABI_MAJOR
    pub abi_major: u16,
    /// the least minor it works with. 0 will do, unless it uses what came later without APUS_HAS
    pub abi_minor_min: u16,
    /// APUS_MODULE_…
    pub flags: u32,
    /// stride: sizeof(apus_directive) as the module was built
    pub n_directives: u32,
    /// stride: sizeof(apus_directive) as the module was built
    pub directive_stride: u32,
    /// as in LoadModule's first argument: "ssl_module"
    pub name: *const c_char,
    pub version: *const c_char,
    /// "c", "rust-…", "swift-6.3.1 shared" or "swift-6.3.1 static"
    pub toolchain: *const c_char,
    /// extension ids it cannot do without, NULL terminated; may be NULL
    pub requires_ids: *const *const c_char,
    /// extension ids it uses when they are there; may be NULL
    pub optional_ids: *const *const c_char,
    pub directives: *const apus_directive,
    /// NULL: it has none of this kind
    pub server_conf: *const apus_conf_ops,
    /// NULL: it has none of this kind
    pub dir_conf: *const apus_conf_ops,
    /// Registers hooks, filters, providers and functions; `*ctx` comes back first in every callback. \[main\]
    ///  May start no thread and bind nothing. @return APUS_OK, or an error: the server does not start
    pub attach: Option<unsafe extern "C" fn(host: *const apus_host, ctx: *mut *mut c_void) -> apus_status>,
    /// After the last callback of this generation. \[main\] May be NULL.
    pub detach: Option<unsafe extern "C" fn(ctx: *mut c_void)>,
}

/// The type of `apus_module_entry`, the only symbol a module exports. \[main\] `name` is LoadModule's first argument: one file may
///  hold several modules. An empty name asks for the first, so that a message can say what the file holds. It may be called more
///  than once, and with a `host` that lives for the call only: keep the one that `attach` gets.
///  @return the descriptor, or NULL when the file holds no module of that name
pub type apus_module_entry_fn = Option<unsafe extern "C" fn(host: *const apus_host, name: *const c_char) -> *const apus_module>;


// ---- apus/authn.h

pub const APUS_GROUP_AUTHN: &[u8] = b"authn/1\0";
/// the user is known, the password is another
pub const APUS_AUTHN_DENIED: i32 = 0;
/// it is the user's password; for realm_hash: the user is known
pub const APUS_AUTHN_GRANTED: i32 = 1;
/// no such user here: the next provider is asked
pub const APUS_AUTHN_NOT_FOUND: i32 = 2;
/// `work` has been filled in: its `run` answers one of the others
pub const APUS_AUTHN_LATER: i32 = 3;
/// 32 hexadecimal digits
pub const APUS_AUTHN_MD5: u32 = 0;
/// 64 hexadecimal digits
pub const APUS_AUTHN_SHA256: u32 = 1;
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_authn_v1 {
    /// flags: 0
    pub size: u32,
    /// flags: 0
    pub flags: u32,
    /// Whether it is the user's password. \[conn\] Work done for an unknown user costs what it costs for a known one.
    ///  @return APUS_AUTHN_…, or a negative error, which has been logged
    pub check_password: Option<unsafe extern "C" fn(ctx: *mut c_void, r: *mut apus_req, user: apus_str, password: apus_str, work: *mut apus_work) -> apus_status>,
    /// The hash of "user:realm:password" in hexadecimal digits, in request memory. \[conn\] NULL: not offered.
    ///  @param algorithm  APUS_AUTHN_MD5 or APUS_AUTHN_SHA256; of another one there is none
    ///  @return as above; never APUS_AUTHN_LATER
    pub realm_hash: Option<unsafe extern "C" fn(ctx: *mut c_void, r: *mut apus_req, user: apus_str, realm: apus_str, algorithm: u32, hash: *mut apus_str) -> apus_status>,
}


// ---- apus/authz.h

pub const APUS_GROUP_AUTHZ: &[u8] = b"authz/1\0";
pub const APUS_AUTHZ_DENIED: i32 = 0;
pub const APUS_AUTHZ_GRANTED: i32 = 1;
/// does not decide
pub const APUS_AUTHZ_NEUTRAL: i32 = 2;
/// denied as long as no user is known: ask who it is
pub const APUS_AUTHZ_NEEDS_USER: i32 = 3;
/// `defer` hands out work, after which `check` is asked again
pub const APUS_AUTHZ_LATER: i32 = 4;
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_authz_v1 {
    /// flags: 0
    pub size: u32,
    /// flags: 0
    pub flags: u32,
    /// Checks and compiles the words after the name. \[main\], or \[conn\] for .htaccess.
    ///  @return APUS_OK with *parsed (any pointer), or what apus_config_v1.fail returned
    pub parse: Option<unsafe extern "C" fn(ctx: *mut c_void, cmd: *const apus_cmd, arguments: apus_str, parsed: *mut *mut c_void) -> apus_status>,
    /// Decides. \[conn\] @return APUS_AUTHZ_…, or a negative error: denied and logged
    pub check: Option<unsafe extern "C" fn(ctx: *mut c_void, r: *mut apus_req, parsed: *mut c_void) -> apus_status>,
    /// Hands out the work that `check` waits for, right after it answered APUS_AUTHZ_LATER. \[conn\] Its `finish` keeps what
    ///  `run` found out for the next `check`. NULL: `check` never answers so.
    ///  @return APUS_OK, or a negative error: denied and logged
    pub defer: Option<unsafe extern "C" fn(ctx: *mut c_void, r: *mut apus_req, parsed: *mut c_void, work: *mut apus_work) -> apus_status>,
}


// ---- apus/body.h

pub const APUS_EXT_BODY: &[u8] = b"apus.body/1\0";
pub const APUS_SEG_DATA: u32 = 0;
pub const APUS_SEG_FILE: u32 = 1;
/// send what came before now
pub const APUS_SEG_FLUSH: u32 = 2;
/// the body ends here
pub const APUS_SEG_END: u32 = 3;
/// A look at one segment; valid until the chain changes. Set `size` before the call.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_segment {
    pub size: u32,
    pub kind: u32,
    /// DATA
    pub data: apus_str,
    /// FILE
    pub offset: i64,
    /// FILE: bytes; DATA: data.len
    pub length: i64,
    /// FILE
    pub fd: i32,
    pub reserved: i32,
}

pub const APUS_WANT_READ: u32 = 1;
pub const APUS_WANT_WRITE: u32 = 2;
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_body_v1 {
    pub size: u32,
    pub reserved: u32,
    /// An empty chain that lives as long as `pool`, to be used with requests and filters of one connection. \[owner\]
    ///  @return NULL only when memory is gone
    pub chain: Option<unsafe extern "C" fn(pool: *mut apus_pool) -> *mut apus_chain>,
    /// Appends bytes, copied. @return APUS_OK or APUS_E_NOMEM
    pub append_copy: Option<unsafe extern "C" fn(chain: *mut apus_chain, data: apus_str) -> apus_status>,
    /// Appends without copying; `release(ctx)` is called once when the bytes are no longer needed, however the request ends,
    ///  by whoever holds it then; it may be NULL for bytes that outlive the request.
    pub append_borrowed: Option<unsafe extern "C" fn(chain: *mut apus_chain, data: apus_str, release: Option<unsafe extern "C" fn(ctx: *mut c_void)>, ctx: *mut c_void) -> apus_status>,
    /// Appends part of an open file. With `owned` 1, the host closes it, unless it answers APUS_E_INVALID; with 0 it must stay
    ///  open until the chain's pool is freed.
    pub append_file: Option<unsafe extern "C" fn(chain: *mut apus_chain, fd: i32, offset: i64, length: i64, owned: i32) -> apus_status>,
    /// Appends APUS_SEG_FLUSH or APUS_SEG_END.
    pub append_mark: Option<unsafe extern "C" fn(chain: *mut apus_chain, kind: u32) -> apus_status>,
    /// Looks at the first segment. @return APUS_OK, APUS_E_NOT_FOUND: the chain is empty, or APUS_E_INVALID: `size` is not set
    pub peek: Option<unsafe extern "C" fn(chain: *const apus_chain, out: *mut apus_segment) -> apus_status>,
    /// Drops `n` bytes of the first segment; all of it when n is SIZE_MAX or it has none.
    pub drop: Option<unsafe extern "C" fn(chain: *mut apus_chain, n: usize)>,
    /// Moves up to `n` bytes (marks in between too; SIZE_MAX: all) from the front of `from` to the end of `to`.
    pub move_: Option<unsafe extern "C" fn(to: *mut apus_chain, from: *mut apus_chain, n: usize)>,
    /// Bytes in the chain.
    pub length: Option<unsafe extern "C" fn(chain: *const apus_chain) -> i64>,
    /// Reads up to `max` bytes of the request body, through the input filters, onto the end of `chain`. APUS_SEG_END
    ///  follows the last byte. On the loop: APUS_AGAIN when none is there yet. On a pool thread it waits.
    ///  @return APUS_OK, APUS_AGAIN, an HTTP status to answer with (400, 408, 413 …), or an error, such as APUS_E_CLOSED
    pub read: Option<unsafe extern "C" fn(r: *mut apus_req, max: usize, chain: *mut apus_chain) -> apus_status>,
    /// Sends a chain through the output filters; the chain is empty afterwards whatever is returned. The head leaves
    ///  with the first bytes. @return APUS_OK, APUS_AGAIN (taken, but wait before sending more), or an error, such as
    ///  APUS_E_CLOSED
    pub write: Option<unsafe extern "C" fn(r: *mut apus_req, chain: *mut apus_chain) -> apus_status>,
    /// Calls `fn` once on the connection's loop when reading or writing can go on. For a suspended request. It takes the place
    ///  of what was there for the same `want`. @param want  APUS_WANT_READ or APUS_WANT_WRITE
    ///  @return APUS_OK or APUS_E_INVALID
    pub when: Option<unsafe extern "C" fn(r: *mut apus_req, want: u32, fn_: Option<unsafe extern "C" fn(ctx: *mut c_void, r: *mut apus_req)>, ctx: *mut c_void) -> apus_status>,
    /// A whole answer in one call: status (200 … 599), content type (empty: leave) and body, copied.
    ///  @return APUS_OK: return it; or an error: return that
    pub reply: Option<unsafe extern "C" fn(r: *mut apus_req, status: i32, content_type: apus_str, body: apus_str) -> apus_status>,
    /// Sends an interim answer (RFC 9110, section 15.2) at once, before the answer proper: 103 with Link fields, 102 now
    ///  and then. It carries what APUS_HEADERS_OUT holds by then, which stays there for the answer proper; framing fields
    ///  and those of APUS_HEADERS_ERR are left out.
    ///  @return APUS_OK, APUS_DECLINED (nothing was sent: HTTP/1.0 knows no interim answers, and a sub-request is
    ///  answered to nobody), APUS_E_INVALID (not 100 or 102 … 199, or the answer has begun), or APUS_E_CLOSED
    pub interim: Option<unsafe extern "C" fn(r: *mut apus_req, status: i32) -> apus_status>,
    /// Gives a request whose body has been read another one, a copy of `data`, which goes through the input filters when
    ///  it is read; a request it is redirected to inside the server has it, too. Content-Length is set to match.
    ///  @return APUS_OK, or APUS_E_INVALID: there is more of the body to read
    pub replace: Option<unsafe extern "C" fn(r: *mut apus_req, data: apus_str) -> apus_status>,
}


// ---- apus/config.h

pub const APUS_EXT_CONFIG: &[u8] = b"apus.config/1\0";
/// the main server
pub const APUS_SCOPE_SERVER: u32 = 0;
/// a \<VirtualHost\>
pub const APUS_SCOPE_VHOST: u32 = 1;
/// \<Directory\>, \<DirectoryMatch\>
pub const APUS_SCOPE_DIRECTORY: u32 = 2;
pub const APUS_SCOPE_FILES: u32 = 3;
pub const APUS_SCOPE_LOCATION: u32 = 4;
pub const APUS_SCOPE_HTACCESS: u32 = 5;
/// \<If\>, \<ElseIf\>, \<Else\>
pub const APUS_SCOPE_CONDITION: u32 = 6;
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_config_v1 {
    pub size: u32,
    pub reserved: u32,
    /// Reports an error at the directive; reading goes on and all errors are shown together.
    ///  @return what the handler should return
    pub fail: Option<unsafe extern "C" fn(cmd: *const apus_cmd, message: apus_str) -> apus_status>,
    /// Reports something legal that is probably wrong.
    pub warn: Option<unsafe extern "C" fn(cmd: *const apus_cmd, message: apus_str)>,
    /// The directive's name as written.
    pub name: Option<unsafe extern "C" fn(cmd: *const apus_cmd) -> apus_str>,
    /// The file and line it stands at; lives as long as the configuration.
    pub location: Option<unsafe extern "C" fn(cmd: *const apus_cmd, line: *mut u32) -> apus_str>,
    /// `data` of the directive's row.
    pub data: Option<unsafe extern "C" fn(cmd: *const apus_cmd) -> *mut c_void>,
    /// The pool that lives as long as the configuration.
    pub pool: Option<unsafe extern "C" fn(cmd: *const apus_cmd) -> *mut apus_pool>,
    /// The server the directive belongs to.
    pub server: Option<unsafe extern "C" fn(cmd: *const apus_cmd) -> *const apus_server>,
    /// The module's own server configuration there. NULL for a module without one.
    pub server_conf: Option<unsafe extern "C" fn(cmd: *const apus_cmd) -> *mut c_void>,
    /// The module's own directory configuration of the scope at hand.
    pub dir_conf: Option<unsafe extern "C" fn(cmd: *const apus_cmd) -> *mut c_void>,
    /// `path` made absolute against ServerRoot, in the configuration's pool, without a trailing slash.
    pub resolve: Option<unsafe extern "C" fn(cmd: *const apus_cmd, path: apus_str) -> apus_str>,
    /// Handles the directives inside the section at hand, in the scope it stands in.
    ///  @return APUS_OK, or APUS_E_FAIL: errors have been shown at their lines
    pub walk: Option<unsafe extern "C" fn(cmd: *const apus_cmd) -> apus_status>,
    /// The scope at hand, as `create` of apus_conf_ops gets it.
    pub scope: Option<unsafe extern "C" fn(cmd: *const apus_cmd) -> *const apus_scope>,
    /// APUS_SCOPE_…; a kind that a module does not know is like APUS_SCOPE_DIRECTORY.
    pub scope_kind: Option<unsafe extern "C" fn(scope: *const apus_scope) -> u32>,
    /// The section's path or pattern; empty for servers.
    pub scope_path: Option<unsafe extern "C" fn(scope: *const apus_scope) -> apus_str>,
    /// Reports what shows only when everything has been read, at the place of a directive (from `location`): shown as
    ///  `fail` and `warn` are. \[main\], from check_config and open_config.
    ///  @param level  APUS_LOG_ERR: the configuration is not usable; APUS_LOG_WARN
    ///  @param code   as in apus_log_v1.write
    ///  @param file   empty: no place, and the module is named instead
    pub report: Option<unsafe extern "C" fn(host: *const apus_host, level: i32, code: apus_str, file: apus_str, line: u32, message: apus_str)>,
    /// The methods that a \<Limit\> or \<LimitExcept\> around the directive restricts it to; NULL: there is none. A directive
    ///  that never asks holds for all methods, and a warning says so. Lives as long as `pool`.
    pub limit: Option<unsafe extern "C" fn(cmd: *const apus_cmd) -> *const apus_methods>,
    /// Whether the request's method is among them: 1 or 0; 1 for NULL. HEAD counts as GET. \[req\]
    pub limit_holds: Option<unsafe extern "C" fn(methods: *const apus_methods, r: *const apus_req) -> i32>,
}


// ---- apus/confset.h

pub const APUS_EXT_CONFSET: &[u8] = b"apus.confset/1\0";
/// what the directives in a section set; lives as long as the configuration
#[repr(C)]
pub struct apus_confset {
    _opaque: [u8; 0],
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_confset_v1 {
    pub size: u32,
    pub reserved: u32,
    /// Handles the directives in the section at hand as those of a \<Directory\> that holds nowhere. \[main\]
    ///  @return APUS_OK, or APUS_E_FAIL: errors have been shown at their lines
    pub walk: Option<unsafe extern "C" fn(cmd: *const apus_cmd, out: *mut *mut apus_confset) -> apus_status>,
    /// Calls `fn` while the set holds for the request, over its own configuration. \[conn\]
    ///  @return what `fn` returned
    pub call: Option<unsafe extern "C" fn(r: *mut apus_req, set: *const apus_confset, fn_: Option<unsafe extern "C" fn(arg: *mut c_void) -> apus_status>, arg: *mut c_void) -> apus_status>,
}


// ---- apus/conn.h

pub const APUS_EXT_CONN: &[u8] = b"apus.conn/1\0";
/// "192.0.2.7" or "2001:db8::7"
pub const APUS_C_PEER_ADDRESS: u32 = 0;
pub const APUS_C_LOCAL_ADDRESS: u32 = 1;
/// "tcp", "tls", …
pub const APUS_C_TRANSPORT: u32 = 2;
/// what ALPN agreed on; empty: none
pub const APUS_C_PROTOCOL: u32 = 3;
/// what its lines in the error log have in common; unset: there is none
pub const APUS_C_LOG_ID: u32 = 4;
pub const APUS_C_PEER_PORT: u32 = 0x100;
pub const APUS_C_LOCAL_PORT: u32 = 0x101;
/// 1: the transport encrypts
pub const APUS_C_IS_SECURE: u32 = 0x102;
/// requests begun on it
pub const APUS_C_REQUESTS: u32 = 0x103;
/// unique among the connections of a worker
pub const APUS_C_ID: u32 = 0x104;
/// 1: the worker is to leave; what a connection carries should come to its end
pub const APUS_C_IS_DRAINING: u32 = 0x105;
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_conn_v1 {
    pub size: u32,
    pub reserved: u32,
    /// One of its strings, APUS_C_…; {NULL, 0}: unset. Lives as long as the connection.
    pub get: Option<unsafe extern "C" fn(c: *const apus_conn, field: u32) -> apus_str>,
    /// One of its numbers, APUS_C_….
    pub number: Option<unsafe extern "C" fn(c: *const apus_conn, field: u32) -> i64>,
    /// The server of the address, or the one that the client named while TLS was agreed on.
    pub server: Option<unsafe extern "C" fn(c: *const apus_conn) -> *const apus_server>,
    /// Memory that lives as long as the connection.
    pub pool: Option<unsafe extern "C" fn(c: *const apus_conn) -> *mut apus_pool>,
    /// The calling module's own pointer on the connection; NULL at first.
    pub slot: Option<unsafe extern "C" fn(c: *const apus_conn, host: *const apus_host) -> *mut c_void>,
    pub set_slot: Option<unsafe extern "C" fn(c: *mut apus_conn, host: *const apus_host, value: *mut c_void)>,
    /// A name for the connection that may be kept beyond the callback.
    pub token: Option<unsafe extern "C" fn(c: *const apus_conn) -> apus_token>,
    /// Ends the connection once what is queued has been sent.
    pub close: Option<unsafe extern "C" fn(c: *mut apus_conn)>,
}


// ---- apus/expr.h

pub const APUS_EXT_EXPR: &[u8] = b"apus.expr/1\0";
/// a string with %{…} parts; else a condition
pub const APUS_EXPR_STRING: u32 = 0x01;
/// text from .htaccess: nothing that looks at files or the server's environment
pub const APUS_EXPR_HTACCESS: u32 = 0x02;
/// a condition that does not name request header fields in Vary
pub const APUS_EXPR_NO_VARY: u32 = 0x04;
/// not to be used in .htaccess
pub const APUS_EXPR_RESTRICTED: u32 = 0x01;
/// a variable: all names that begin so
pub const APUS_EXPR_PREFIX: u32 = 0x02;
/// A variable, or a function of one string. \[req\]
///  @param name  the variable's name as written, or the function's argument
///  @param out   the value, which must live as long as the request; not set is the empty string
///  @return APUS_OK; APUS_DECLINED: the empty string; a negative error: the whole expression fails
pub type apus_expr_value_fn = Option<unsafe extern "C" fn(ctx: *mut c_void, r: *mut apus_req, name: apus_str, out: *mut apus_str) -> apus_status>;

/// A function that answers a list, for `WORD -in NAME(…)`. \[req\] As apus_expr_value_fn.
pub type apus_expr_list_fn = Option<unsafe extern "C" fn(ctx: *mut c_void, r: *mut apus_req, argument: apus_str, items: *mut *const apus_str, count: *mut u32) -> apus_status>;

/// An operator; `left` is empty for one that takes a single word. \[req\] @return 1: true, 0: false, or a negative error
pub type apus_expr_operator_fn = Option<unsafe extern "C" fn(ctx: *mut c_void, r: *mut apus_req, left: apus_str, right: apus_str) -> apus_status>;

#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_expr_v1 {
    pub size: u32,
    pub reserved: u32,
    /// Compiles `text`, of which a copy is kept; the expression lives as long as the pool. \[main\], or \[conn\] for .htaccess.
    ///  @param flags   APUS_EXPR_STRING, _HTACCESS, _NO_VARY
    ///  @param error   set to a sentence in the pool when the text is wrong; may be NULL
    ///  @param offset  set to the byte of the text it is wrong at; may be NULL
    ///  @return APUS_OK or APUS_E_INVALID
    pub compile: Option<unsafe extern "C" fn(host: *const apus_host, pool: *mut apus_pool, text: apus_str, flags: u32, out: *mut *mut apus_expr, error: *mut apus_str, offset: *mut u32) -> apus_status>,
    /// Whether a condition holds. \[req\] -F and -U ask the server itself: \[conn\] only, else they fail.
    ///  @return 1: true, 0: false, or a negative error, which has been logged
    pub test: Option<unsafe extern "C" fn(expr: *const apus_expr, r: *mut apus_req) -> apus_status>,
    /// The value of a string, in the request's memory or longer-lived. \[req\] @return APUS_OK, or an error as of `test`
    pub text: Option<unsafe extern "C" fn(expr: *const apus_expr, r: *mut apus_req, out: *mut apus_str) -> apus_status>,
    /// Finds what %{name} stands for, once: its value comes from `text`. \[main\], or \[conn\] for .htaccess.
    ///  @param name   without %{ and }; "NAME" or "FUNCTION:ARGUMENT"
    ///  @param flags  APUS_EXPR_HTACCESS or 0
    ///  @return APUS_OK, APUS_E_NOT_FOUND: there is no such variable or function
    pub variable: Option<unsafe extern "C" fn(host: *const apus_host, pool: *mut apus_pool, name: apus_str, flags: u32, out: *mut *mut apus_expr) -> apus_status>,
    /// As `test`; tells what the last regular expression in it that matched was held against, and its groups as
    ///  apus_regex_v1.match does. Without one *subject is {NULL, 0} and the spans are -1. \[req\]
    pub match_: Option<unsafe extern "C" fn(expr: *const apus_expr, r: *mut apus_req, subject: *mut apus_str, spans: *mut i64, n_spans: u32) -> apus_status>,
    /// As `text`, where $0 … $9 stand for the groups of an earlier match with `subject`. \[req\]
    pub expand: Option<unsafe extern "C" fn(expr: *const apus_expr, r: *mut apus_req, subject: apus_str, spans: *const i64, n_spans: u32, out: *mut apus_str) -> apus_status>,
    /// Whether one of the server's own variables is named in it. \[any\] @return 1 or 0
    pub mentions: Option<unsafe extern "C" fn(expr: *const apus_expr, name: apus_str) -> apus_status>,
    /// A variable, %{NAME}.
    pub add_variable: Option<unsafe extern "C" fn(host: *const apus_host, name: apus_str, flags: u32, fn_: apus_expr_value_fn, ctx: *mut c_void) -> apus_status>,
    /// A function of one string, NAME(…) and %{NAME:…}.
    pub add_function: Option<unsafe extern "C" fn(host: *const apus_host, name: apus_str, flags: u32, fn_: apus_expr_value_fn, ctx: *mut c_void) -> apus_status>,
    /// A function that answers a list.
    pub add_list: Option<unsafe extern "C" fn(host: *const apus_host, name: apus_str, flags: u32, fn_: apus_expr_list_fn, ctx: *mut c_void) -> apus_status>,
    /// An operator. `name`: "-x", a letter, for one word after it; "-name", at least two, for a word on either side.
    pub add_operator: Option<unsafe extern "C" fn(host: *const apus_host, name: apus_str, flags: u32, fn_: apus_expr_operator_fn, ctx: *mut c_void) -> apus_status>,
}


// ---- apus/figures.h

pub const APUS_GROUP_FIGURES: &[u8] = b"figures/1\0";
/// goes up and down
pub const APUS_FIGURE_GAUGE: u32 = 0;
/// only goes up; its name ends in "_total"
pub const APUS_FIGURE_COUNTER: u32 = 1;
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_figure {
    pub size: u32,
    /// APUS_FIGURE_…
    pub kind: u32,
    /// small letters, digits and underscores, with its unit: "tls_certificate_expiry_seconds"
    pub name: apus_str,
    /// one sentence
    pub help: apus_str,
    /// what tells figures of one name apart; empty: there is but one
    pub label: apus_str,
    /// from a set that the configuration bounds: never anything that clients send
    pub label_value: apus_str,
    pub value: f64,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_figures_v1 {
    /// flags: 0
    pub size: u32,
    /// flags: 0
    pub flags: u32,
    /// Calls `tell` for each figure, those of one name in a row; what it is given lives for the call. The figures are about
    ///  all workers. On a worker's loop.
    pub each: Option<unsafe extern "C" fn(ctx: *mut c_void, tell: Option<unsafe extern "C" fn(arg: *mut c_void, figure: *const apus_figure)>, arg: *mut c_void)>,
}


// ---- apus/filters.h

pub const APUS_EXT_FILTERS: &[u8] = b"apus.filters/1\0";
pub const APUS_OUTPUT: u32 = 0;
pub const APUS_INPUT: u32 = 1;
/// makes or changes content: include, substitute
pub const APUS_STAGE_CONTENT: u32 = 10;
/// changes the representation
pub const APUS_STAGE_TRANSFORM: u32 = 20;
/// content codings: deflate, brotli
pub const APUS_STAGE_ENCODE: u32 = 30;
/// sees the final body: ranges, rate limits
pub const APUS_STAGE_FRAME: u32 = 40;
/// byte counts, dumps
pub const APUS_STAGE_TRANSPORT: u32 = 50;
/// bytes of a body that come at once, about
pub const APUS_FILTER_PIECE: i32 = 65536;
/// A registration. Set `size`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_filter_reg {
    pub size: u32,
    /// APUS_OUTPUT or APUS_INPUT
    pub direction: u32,
    /// APUS_STAGE_…
    pub stage: u32,
    /// 0
    pub flags: u32,
    /// as SetOutputFilter and friends name it: "DEFLATE"; compared without case
    pub name: *const c_char,
    pub ctx: *mut c_void,
    /// filter names of the same stage, NULL terminated
    pub after: *const *const c_char,
    /// filter names of the same stage, NULL terminated
    pub before: *const *const c_char,
    /// The filter was put on a request. \[req\] May be NULL. @return APUS_OK, or APUS_DECLINED to be left out
    pub begin: Option<unsafe extern "C" fn(ctx: *mut c_void, f: *mut apus_filter) -> apus_status>,
    /// Output: takes the chain, passes on what it makes of it. \[req\] Returns what `pass` returned. Bodies come in pieces
    ///  of at most about APUS_FILTER_PIECE bytes, so a filter that works piece by piece needs bounded memory. One that
    ///  must wait for something keeps what it has and returns APUS_SUSPENDED: nothing more comes until `resume`, which
    ///  calls it with an empty chain first. So it is also called when a filter behind it that waited goes on; it returns
    ///  APUS_SUSPENDED again if its own time has not come. One that has more to pass on when `pass` answered APUS_AGAIN calls
    ///  `resume` and returns APUS_AGAIN: it is called with an empty chain when there is room.
    pub process: Option<unsafe extern "C" fn(ctx: *mut c_void, f: *mut apus_filter, chain: *mut apus_chain) -> apus_status>,
    /// Input: appends up to about `max` bytes to the chain. \[req\] Returns what `pull` returned.
    pub fill: Option<unsafe extern "C" fn(ctx: *mut c_void, f: *mut apus_filter, max: usize, chain: *mut apus_chain) -> apus_status>,
    /// The request ends. \[req\] May be NULL.
    pub end: Option<unsafe extern "C" fn(ctx: *mut c_void, f: *mut apus_filter)>,
    /// Output: the head of the answer is as its handler made it, and its body is about to come. \[req\] Once, from the
    ///  handler towards the wire, before the first chain. May be NULL. A filter that has nothing to do here is best taken
    ///  off now: without filters a file is sent by the shortest way, and in ranges.
    ///  @return APUS_OK, or APUS_DECLINED to be taken off
    pub prepare: Option<unsafe extern "C" fn(ctx: *mut c_void, f: *mut apus_filter) -> apus_status>,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_filters_v1 {
    pub size: u32,
    pub reserved: u32,
    /// Registers a filter. \[main\], from `attach` or a directive that may only stand in a server.
    ///  @return APUS_OK, APUS_E_EXISTS, or APUS_E_INVALID: a value is unknown or a callback is missing
    pub add: Option<unsafe extern "C" fn(host: *const apus_host, reg: *const apus_filter_reg) -> apus_status>,
    /// Puts a registered filter on a request, at its stage; within a stage filters run in the order in which they were put
    ///  there, as far as `after` and `before` say nothing else. \[req\], at the latest in insert_filter (output) or before the
    ///  first read (input). @return APUS_OK, or APUS_E_NOT_FOUND
    pub insert: Option<unsafe extern "C" fn(r: *mut apus_req, direction: u32, name: apus_str) -> apus_status>,
    /// Takes the filter off; what follows passes it by. \[req\]
    pub remove: Option<unsafe extern "C" fn(f: *mut apus_filter)>,
    /// Hands a chain to the next output filter, which then owns its segments. \[req\]
    ///  @return APUS_OK, APUS_AGAIN (taken; slow down) or an error
    pub pass: Option<unsafe extern "C" fn(f: *mut apus_filter, chain: *mut apus_chain) -> apus_status>,
    /// Asks the next input filter for up to `max` bytes. \[req\] Returns as apus_body_v1.read
    pub pull: Option<unsafe extern "C" fn(f: *mut apus_filter, max: usize, chain: *mut apus_chain) -> apus_status>,
    /// The request it is on. \[req\]
    pub request: Option<unsafe extern "C" fn(f: *const apus_filter) -> *mut apus_req>,
    /// The filter's own pointer on this request; NULL at first. \[req\]
    pub state: Option<unsafe extern "C" fn(f: *const apus_filter) -> *mut c_void>,
    pub set_state: Option<unsafe extern "C" fn(f: *mut apus_filter, state: *mut c_void)>,
    /// Puts a registered output filter on the request of `f`: at its stage, but never before `f`. \[req\], from `prepare`
    ///  or `process` of `f`. @return APUS_OK, or APUS_E_NOT_FOUND
    pub insert_behind: Option<unsafe extern "C" fn(f: *mut apus_filter, name: apus_str) -> apus_status>,
    /// Goes on with an output filter that returned APUS_SUSPENDED, or has something to pass on by itself; of an
    ///  input filter that answered APUS_AGAIN without asking the next one, whoever reads the body is told to ask again. \[conn\]
    pub resume: Option<unsafe extern "C" fn(f: *mut apus_filter)>,
}


// ---- apus/functions.h

pub const APUS_EXT_FUNCTIONS: &[u8] = b"apus.functions/1\0";
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_functions_v1 {
    pub size: u32,
    pub reserved: u32,
    /// Offers `fn` under `name`, "module.function". Signatures as in apus/hooks.h. \[main\], from `attach`.
    ///  @return APUS_OK, APUS_E_EXISTS, or APUS_E_INVALID for a bad signature
    pub publish: Option<unsafe extern "C" fn(host: *const apus_host, name: *const c_char, signature: *const c_char, fn_: apus_fn, ctx: *mut c_void) -> apus_status>,
    /// Finds a function. \[main\], from optional_fn_retrieve on.
    ///  @return APUS_OK, APUS_E_NOT_FOUND, or APUS_E_TYPE (logged with both signatures)
    pub find: Option<unsafe extern "C" fn(host: *const apus_host, name: *const c_char, signature: *const c_char, out: *mut apus_link) -> apus_status>,
    /// Calls a function through libffi, for callers without a typed pointer. \[any\]
    ///  @param result  where its result goes: 8 bytes, 16 for s; may be NULL
    ///  @param args    pointers to the arguments after ctx, in order
    ///  @return as `find`
    pub invoke: Option<unsafe extern "C" fn(host: *const apus_host, name: *const c_char, signature: *const c_char, result: *mut c_void, args: *const *mut c_void) -> apus_status>,
}


// ---- apus/headers.h

pub const APUS_EXT_HEADERS: &[u8] = b"apus.headers/1\0";
/// request header fields, in the order received
pub const APUS_HEADERS_IN: u32 = 0;
/// response header fields of a successful answer
pub const APUS_HEADERS_OUT: u32 = 1;
/// response header fields sent even with an error page
pub const APUS_HEADERS_ERR: u32 = 2;
/// messages between modules
pub const APUS_HEADERS_NOTES: u32 = 3;
/// environment of the request, for logs, conditions and CGI
pub const APUS_HEADERS_ENV: u32 = 4;
pub const APUS_HEADERS_TRAILERS_IN: u32 = 5;
pub const APUS_HEADERS_TRAILERS_OUT: u32 = 6;
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_headers_v1 {
    pub size: u32,
    pub reserved: u32,
    /// The `nth` value of a name, from 0. Lives as long as the request. @return {NULL, 0}: none
    pub get: Option<unsafe extern "C" fn(r: *const apus_req, table: u32, name: apus_str, nth: u32) -> apus_str>,
    /// Sets the only value of a name; copies both.
    ///  @return APUS_OK, or APUS_E_INVALID: no such table, or bytes no header field may hold (RFC 9110, 5.5) in one of those sent
    pub set: Option<unsafe extern "C" fn(r: *mut apus_req, table: u32, name: apus_str, value: apus_str) -> apus_status>,
    /// Adds a further value of a name. @return as `set`
    pub add: Option<unsafe extern "C" fn(r: *mut apus_req, table: u32, name: apus_str, value: apus_str) -> apus_status>,
    /// Appends ", value" to the last value of a name, or sets it. @return as `set`
    pub merge: Option<unsafe extern "C" fn(r: *mut apus_req, table: u32, name: apus_str, value: apus_str) -> apus_status>,
    /// Removes all values of a name. @return APUS_OK or APUS_E_NOT_FOUND
    pub remove: Option<unsafe extern "C" fn(r: *mut apus_req, table: u32, name: apus_str) -> apus_status>,
    /// Removes all entries.
    pub clear: Option<unsafe extern "C" fn(r: *mut apus_req, table: u32)>,
    /// The number of entries.
    pub count: Option<unsafe extern "C" fn(r: *const apus_req, table: u32) -> u32>,
    /// The entry at `index`, 0 … count-1, in order. @return APUS_OK or APUS_E_NOT_FOUND
    pub at: Option<unsafe extern "C" fn(r: *const apus_req, table: u32, index: u32, name: *mut apus_str, value: *mut apus_str) -> apus_status>,
    /// Changes with each change of the table: cheap to compare for who mirrors it.
    pub version: Option<unsafe extern "C" fn(r: *const apus_req, table: u32) -> u64>,
    /// The first value of a field of the answer as its head carried it, with those that the server composes itself once it
    ///  has left: Content-Length, Transfer-Encoding, Connection, Keep-Alive, Content-Type, -Encoding and -Language.
    ///  @return {NULL, 0}: the answer has no such field
    pub sent: Option<unsafe extern "C" fn(r: *mut apus_req, name: apus_str) -> apus_str>,
}


// ---- apus/hooks.h

pub const APUS_EXT_HOOKS: &[u8] = b"apus.hooks/1\0";
pub const APUS_FIRST: i32 = -10;
pub const APUS_EARLY: i32 = 0;
pub const APUS_MIDDLE: i32 = 10;
pub const APUS_LATE: i32 = 20;
pub const APUS_LAST: i32 = 30;
/// runs on the blocking pool; may call \[req\] and \[any\] functions only. For a
///                                           sub-request, whose answer is wanted at once, it runs where that is asked for
pub const APUS_HOOK_MAY_BLOCK: u32 = 0x01;
/// may return APUS_SUSPENDED, but for a sub-request
pub const APUS_HOOK_MAY_SUSPEND: u32 = 0x02;
/// also runs for `apus explain`, then without any side effect
pub const APUS_HOOK_EXPLAINABLE: u32 = 0x04;
/// not for sub-requests and internal redirects
pub const APUS_HOOK_INITIAL_ONLY: u32 = 0x08;
/// all of them, results ignored
pub const APUS_RUN_VOID: u32 = 0;
/// all of them, until one answers neither OK nor DECLINED
pub const APUS_RUN_ALL: u32 = 1;
/// until one does not answer DECLINED
pub const APUS_RUN_FIRST: u32 = 2;
/// `-t`: validate, create and bind nothing
pub const APUS_OPEN_CHECK: u32 = 0;
pub const APUS_OPEN_START: u32 = 1;
pub const APUS_OPEN_RELOAD: u32 = 2;
/// A registration. Set `size`; zero means the default for every other member.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_hook_reg {
    pub size: u32,
    pub position: i32,
    /// "handler", or a module's own, "group.name"
    pub hook: *const c_char,
    /// must equal the declared one, to the letter
    pub signature: *const c_char,
    /// first argument: ctx
    pub fn_: apus_fn,
    pub ctx: *mut c_void,
    /// module names, NULL terminated; absent modules are ignored
    pub after: *const *const c_char,
    /// module names, NULL terminated; absent modules are ignored
    pub before: *const *const c_char,
    /// APUS_HOOK_…
    pub flags: u32,
    pub reserved: u32,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_hooks_v1 {
    pub size: u32,
    pub reserved: u32,
    /// Adds a callback to a hook, declared before or after this call. \[main\], from `attach` only.
    ///  An unknown hook, flag or signature fails the load with a line that says so.
    ///  @return APUS_OK, APUS_E_INVALID, APUS_E_TYPE or APUS_E_THREAD
    pub add: Option<unsafe extern "C" fn(host: *const apus_host, reg: *const apus_hook_reg) -> apus_status>,
    /// Declares a hook of the module's own, "group.name". \[main\], from `attach` only. A callback that is MAY_BLOCK or MAY_SUSPEND
    ///  is called like any other: its flags are for whoever runs the hook. @param run_kind  APUS_RUN_…
    ///  @return APUS_OK, APUS_E_EXISTS, or APUS_E_INVALID for a bad signature or kind
    pub declare: Option<unsafe extern "C" fn(host: *const apus_host, hook: *const c_char, signature: *const c_char, run_kind: u32, out: *mut *mut apus_hook) -> apus_status>,
    /// The callbacks in their order; frozen once configuration is read. \[any\]
    ///  @return *n of them, each *stride bytes after the one before; may be NULL when *n is 0
    pub links: Option<unsafe extern "C" fn(hook: *const apus_hook, n: *mut u32, stride: *mut u32) -> *const apus_link>,
    /// Runs the hook through libffi for callers without a typed pointer. \[any\]
    ///  @param result  where the last result goes: 8 bytes, 16 for s; may be NULL
    ///  @param args    pointers to the arguments after ctx, in order
    ///  @return APUS_OK, or APUS_E_UNSUPPORTED: its signature cannot be called so
    pub invoke: Option<unsafe extern "C" fn(hook: *const apus_hook, result: *mut c_void, args: *const *mut c_void) -> apus_status>,
    /// Finds a hook of the host or of another module. \[main\], from optional_fn_retrieve on; one of the host from `attach` on.
    ///  @return APUS_OK, APUS_E_NOT_FOUND, or APUS_E_TYPE (logged with both signatures)
    pub find: Option<unsafe extern "C" fn(host: *const apus_host, hook: *const c_char, signature: *const c_char, out: *mut *const apus_hook) -> apus_status>,
}


// ---- apus/leader.h

pub const APUS_EXT_LEADER: &[u8] = b"apus.leader/1\0";
/// A file was changed, replaced, removed or made. \[leader\] `path` lives for the call.
pub type apus_file_changed_fn = Option<unsafe extern "C" fn(ctx: *mut c_void, path: apus_str)>;

/// A message of the module's own has come. \[leader\] or, in a worker, on its loop. Both strings live for the call. In the
///  leader it may come from a worker: then it is as hostile as what clients send.
pub type apus_message_fn = Option<unsafe extern "C" fn(ctx: *mut c_void, name: apus_str, bytes: apus_str)>;

#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_leader_v1 {
    pub size: u32,
    pub reserved: u32,
    /// Has the leader look at a file about once a second, through symbolic links, for as long as the generation lives. The
    ///  file need not exist yet. \[main\], from open_config, never with reason CHECK. @param path  relative to ServerRoot
    ///  @return APUS_OK, APUS_E_INVALID or APUS_E_THREAD
    pub watch_file: Option<unsafe extern "C" fn(host: *const apus_host, path: apus_str, changed: apus_file_changed_fn, ctx: *mut c_void) -> apus_status>,
    /// Says who gets the module's messages, in every process; the last call counts. \[main\], from attach or open_config
    ///  @return APUS_OK, APUS_E_INVALID or APUS_E_THREAD
    pub on_message: Option<unsafe extern "C" fn(host: *const apus_host, receive: apus_message_fn, ctx: *mut c_void) -> apus_status>,
    /// Sends a message to all processes of this generation: to the leader first, then to every worker, the sender
    ///  included. Messages of the leader arrive in their order. \[leader\], or on a worker's loop.
    ///  @param name  1 to 128 bytes without control characters  @param bytes  64 MiB at most; copied
    ///  @return APUS_OK; APUS_E_INVALID: no such name may be; APUS_E_TOO_BIG; APUS_E_NOMEM; APUS_E_THREAD
    pub broadcast: Option<unsafe extern "C" fn(host: *const apus_host, name: apus_str, bytes: apus_str) -> apus_status>,
    /// Asks to be the one worker that does a kind of work for all. The lease holds for five seconds: ask again at least
    ///  every two, by a timer, as long as the work goes on. Another worker gets it when this one dies or falls silent.
    ///  In the process that is all there is (-X) always OK. Two names of a module may share a lease: then one worker does both. On a
    ///  worker's loop.
    ///  @return APUS_OK: do it; APUS_DECLINED: another worker does; APUS_E_THREAD
    pub lease: Option<unsafe extern "C" fn(host: *const apus_host, name: apus_str) -> apus_status>,
    /// Gives a lease back before its time; APUS_OK also when it was another's. On a worker's loop.
    pub release: Option<unsafe extern "C" fn(host: *const apus_host, name: apus_str) -> apus_status>,
}


// ---- apus/log.h

pub const APUS_EXT_LOG: &[u8] = b"apus.log/1\0";
pub const APUS_LOG_EMERG: i32 = 0;
pub const APUS_LOG_ALERT: i32 = 1;
pub const APUS_LOG_CRIT: i32 = 2;
pub const APUS_LOG_ERR: i32 = 3;
pub const APUS_LOG_WARN: i32 = 4;
pub const APUS_LOG_NOTICE: i32 = 5;
pub const APUS_LOG_INFO: i32 = 6;
pub const APUS_LOG_DEBUG: i32 = 7;
pub const APUS_LOG_TRACE1: i32 = 8;
pub const APUS_LOG_TRACE8: i32 = 15;
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_log_v1 {
    pub size: u32,
    pub reserved: u32,
    /// Whether `write` at this level would leave a line: 1 or 0. `r`, `c` and `s` may be NULL; the first given decides. Of a
    ///  request or connection only who may use it may speak.
    pub enabled: Option<unsafe extern "C" fn(host: *const apus_host, level: i32, r: *const apus_req, c: *const apus_conn, s: *const apus_server) -> i32>,
    /// Writes one line. `level`: APUS_LOG_…, or a number between TRACE1 and TRACE8. `code` is the permanent number of the
    ///  message ("AH02217", "APUS1001"), or empty. Bytes that a terminal could obey are escaped by the host.
    pub write: Option<unsafe extern "C" fn(host: *const apus_host, level: i32, code: apus_str, r: *const apus_req, c: *const apus_conn, s: *const apus_server, message: apus_str)>,
    /// A log target by the rules of CustomLog: a file (relative to ServerRoot), "|command", "syslog\[:facility\[:tag\]\]" or
    ///  "journald\[:tag\]". The same target is opened once. With reason CHECK nothing is opened or made, but what can be known
    ///  is checked. It lives as long as the generation. \[main\], from open_config.
    ///  @return NULL: errno says why not; report it at the directive's place
    pub sink: Option<unsafe extern "C" fn(host: *const apus_host, target: apus_str) -> *mut apus_log_sink>,
    /// Appends one or more whole lines, each ending in a newline; gathered and written once per turn of the loop.
    pub append: Option<unsafe extern "C" fn(sink: *mut apus_log_sink, lines: apus_str)>,
    /// The same as `write`, and says where in the module's source it stands: __FILE__ and __LINE__.
    pub write_at: Option<unsafe extern "C" fn(host: *const apus_host, level: i32, code: apus_str, r: *const apus_req, c: *const apus_conn, s: *const apus_server, message: apus_str, file: apus_str, line: u32)>,
    /// The same as `write_at` for a message about an error of the system, which is told apart where ErrorLogFormat has %E:
    ///  an errno, or 0 for none.
    pub write_error: Option<unsafe extern "C" fn(host: *const apus_host, level: i32, code: apus_str, r: *const apus_req, c: *const apus_conn, s: *const apus_server, message: apus_str, file: apus_str, line: u32, error: i32)>,
}


// ---- apus/log_item.h

pub const APUS_GROUP_LOG_ITEM: &[u8] = b"log_item/1\0";
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_log_item_v1 {
    /// flags: 0
    pub size: u32,
    /// flags: 0
    pub flags: u32,
    /// The value for a request, in the request's pool or longer-lived; {NULL, 0} is logged as "-". The logger escapes
    ///  it. \[conn\] @param argument  what stands in the braces
    pub value: Option<unsafe extern "C" fn(ctx: *mut c_void, r: *mut apus_req, argument: apus_str) -> apus_str>,
}


// ---- apus/pool.h

pub const APUS_EXT_POOL: &[u8] = b"apus.pool/1\0";
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_pool_v1 {
    pub size: u32,
    pub reserved: u32,
    /// `n` bytes aligned to 16, not cleared. @return NULL only when memory is gone
    pub alloc: Option<unsafe extern "C" fn(pool: *mut apus_pool, n: usize) -> *mut c_void>,
    /// The same, cleared.
    pub zalloc: Option<unsafe extern "C" fn(pool: *mut apus_pool, n: usize) -> *mut c_void>,
    /// A copy of `s` followed by a NUL byte, which is not counted. @return {NULL, 0} only when memory is gone
    pub dup: Option<unsafe extern "C" fn(pool: *mut apus_pool, s: apus_str) -> apus_str>,
    /// Calls `fn(ctx)` when the pool is freed, last registered first, on the thread that frees it. `fn` may use the pool's memory,
    ///  and get none of it. @return APUS_OK, APUS_E_NOMEM or APUS_E_INVALID
    pub on_destroy: Option<unsafe extern "C" fn(pool: *mut apus_pool, fn_: Option<unsafe extern "C" fn(ctx: *mut c_void)>, ctx: *mut c_void) -> apus_status>,
    /// A pool of the module's own, freed with `parent` at the latest; NULL parent: the module frees it.
    pub create: Option<unsafe extern "C" fn(parent: *mut apus_pool) -> *mut apus_pool>,
    /// Frees a pool that `create` made, before its parent is.
    pub destroy: Option<unsafe extern "C" fn(pool: *mut apus_pool)>,
}


// ---- apus/providers.h

pub const APUS_EXT_PROVIDERS: &[u8] = b"apus.providers/1\0";
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_providers_v1 {
    pub size: u32,
    pub reserved: u32,
    /// Offers `vtable` (beginning with its size) under `name` in `group`; it and `ctx` must live as long as the generation. \[main\],
    ///  from `attach` or a directive.
    ///  @return APUS_OK; APUS_E_EXISTS: another module has the name (both are named in the log); APUS_E_INVALID: the table is
    ///          shorter than one of this header's groups ever was
    pub provide: Option<unsafe extern "C" fn(host: *const apus_host, group: *const c_char, name: apus_str, vtable: *const c_void, ctx: *mut c_void) -> apus_status>,
    /// Finds a provider. \[main\] after attach, \[any\] later. @return APUS_OK or APUS_E_NOT_FOUND
    pub find: Option<unsafe extern "C" fn(host: *const apus_host, group: *const c_char, name: apus_str, vtable: *mut *const c_void, ctx: *mut *mut c_void) -> apus_status>,
    /// Calls `fn` for each provider of a group, by name. \[any\]
    pub each: Option<unsafe extern "C" fn(host: *const apus_host, group: *const c_char, fn_: Option<unsafe extern "C" fn(arg: *mut c_void, name: apus_str, module: apus_str, vtable: *const c_void, ctx: *mut c_void)>, arg: *mut c_void)>,
}


// ---- apus/regex.h

pub const APUS_EXT_REGEX: &[u8] = b"apus.regex/1\0";
pub const APUS_REGEX_ICASE: u32 = 0x01;
pub const APUS_REGEX_DOTALL: u32 = 0x02;
/// `$` matches only at the very end (httpd's RegexDefaultOptions)
pub const APUS_REGEX_NO_DOLLAR_NEWLINE: u32 = 0x04;
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_regex_v1 {
    pub size: u32,
    pub reserved: u32,
    /// Compiles a pattern; freed with the pool. \[owner\]
    ///  @param flags  APUS_REGEX_…
    ///  @param error  set to a sentence in the pool when the pattern is wrong; may be NULL
    ///  @return APUS_OK or APUS_E_INVALID
    pub compile: Option<unsafe extern "C" fn(pool: *mut apus_pool, pattern: apus_str, flags: u32, out: *mut *mut apus_regex, error: *mut apus_str) -> apus_status>,
    /// Matches. \[any\] Fills start and end offsets of group 0, 1, … into `spans`, which has room for `n_spans` groups of 2 numbers
    ///  each; -1: not set. It may be NULL with 0.
    ///  @return APUS_OK, APUS_DECLINED: no match, APUS_E_TOO_BIG: a match limit was hit (treat as an attack)
    pub match_: Option<unsafe extern "C" fn(regex: *const apus_regex, subject: apus_str, spans: *mut i64, n_spans: u32) -> apus_status>,
    /// Number of capture groups, without group 0. \[any\]
    pub groups: Option<unsafe extern "C" fn(regex: *const apus_regex) -> u32>,
    /// `pattern` with $0…$9 replaced by the groups that a match with `subject` filled in; a backslash takes the next byte as it
    ///  is. \[owner\] In the pool, or `pattern` itself.
    pub substitute: Option<unsafe extern "C" fn(pool: *mut apus_pool, pattern: apus_str, subject: apus_str, spans: *const i64, n_spans: u32) -> apus_str>,
}


// ---- apus/request.h

pub const APUS_EXT_REQUEST: &[u8] = b"apus.request/1\0";
/// rw; RFC 9110 section 9, case-sensitive
pub const APUS_R_METHOD: u32 = 0;
/// the request target as the client sent it
pub const APUS_R_TARGET: u32 = 1;
/// rw; decoded, normalised path: begins with '/' but for "*"
pub const APUS_R_PATH: u32 = 2;
/// rw; after '?', not decoded; ptr NULL when there was no '?'
pub const APUS_R_QUERY: u32 = 3;
/// "HTTP/1.1"
pub const APUS_R_PROTOCOL: u32 = 4;
/// "http" or "https"
pub const APUS_R_SCHEME: u32 = 5;
/// host asked for, lower case, without port
pub const APUS_R_HOST: u32 = 6;
/// the first line as the client sent it
pub const APUS_R_REQUEST_LINE: u32 = 7;
/// rw; set by translate_name
pub const APUS_R_FILENAME: u32 = 8;
/// rw; what followed the file in the path
pub const APUS_R_PATH_INFO: u32 = 9;
/// rw
pub const APUS_R_HANDLER: u32 = 10;
/// rw
pub const APUS_R_CONTENT_TYPE: u32 = 11;
/// rw
pub const APUS_R_CONTENT_ENCODING: u32 = 12;
/// rw
pub const APUS_R_CONTENT_LANGUAGE: u32 = 13;
/// rw
pub const APUS_R_USER: u32 = 14;
/// rw
pub const APUS_R_AUTH_TYPE: u32 = 15;
/// rw; the directory that stands for the document root here, if an alias set one
pub const APUS_R_LOCAL_ROOT: u32 = 16;
/// rw; the client's, which a module may correct
pub const APUS_R_PEER_ADDRESS: u32 = 17;
/// rw; the path that LOCAL_ROOT stands for, if an alias set one
pub const APUS_R_CONTEXT_PREFIX: u32 = 18;
/// HTML for the foot of a page the server made, as ServerSignature says; empty: none
pub const APUS_R_SIGNATURE: u32 = 19;
/// the product as ServerTokens says
pub const APUS_R_SERVER_SOFTWARE: u32 = 20;
/// the entity tag of the file as FileETag says; unset: none
pub const APUS_R_FILE_ETAG: u32 = 21;
/// rw; what is said behind the status, set after it and as long as it holds; unset: the usual words
pub const APUS_R_REASON: u32 = 22;
/// what HostnameLookups found: the client's name, or its address; unset without a look-up
pub const APUS_R_PEER_NAME: u32 = 23;
/// the server's name in its own URLs; see UseCanonicalName
pub const APUS_R_SERVER_NAME: u32 = 24;
/// what its lines in the error log have in common; unset: there is none
pub const APUS_R_LOG_ID: u32 = 25;
/// rw
pub const APUS_R_STATUS: u32 = 0x100;
/// body bytes handed to the connection
pub const APUS_R_BYTES_SENT: u32 = 0x101;
/// head and body bytes handed to the connection
pub const APUS_R_WIRE_SENT: u32 = 0x102;
/// head and body bytes read
pub const APUS_R_WIRE_RECEIVED: u32 = 0x103;
/// when its first byte came, microseconds since 1970
pub const APUS_R_TIME_US: u32 = 0x104;
/// the port asked for, or the connection's
pub const APUS_R_PORT: u32 = 0x105;
/// requests answered on the connection before it
pub const APUS_R_KEEPALIVES: u32 = 0x106;
/// 1 while `apus explain` runs hooks: no side effects
pub const APUS_R_IS_EXPLAIN: u32 = 0x107;
pub const APUS_R_IS_SUBREQUEST: u32 = 0x108;
/// HEAD
pub const APUS_R_HEADER_ONLY: u32 = 0x109;
/// APUS_FILE_…, of the file name after map_to_storage
pub const APUS_R_FILE_TYPE: u32 = 0x10a;
/// bytes
pub const APUS_R_FILE_SIZE: u32 = 0x10b;
/// microseconds since 1970
pub const APUS_R_FILE_MTIME_US: u32 = 0x10c;
/// in log_transaction: 'X' aborted, '+' kept, '-' closed
pub const APUS_R_CONNECTION_STATE: u32 = 0x10d;
/// 1: the request has a body
pub const APUS_R_BODY_EXPECTED: u32 = 0x10e;
/// rw; 1: the answer must not be cached
pub const APUS_R_NO_CACHE: u32 = 0x10f;
/// 1: what is answered is the server's own page for a status
pub const APUS_R_OWN_PAGE: u32 = 0x110;
/// APUS_OPTION_…: what Options allows here
pub const APUS_R_OPTIONS: u32 = 0x111;
/// LimitRequestBody here; 0: none
pub const APUS_R_LIMIT_REQUEST_BODY: u32 = 0x112;
/// the port in the server's own URLs; see UseCanonicalPhysicalPort
pub const APUS_R_SERVER_PORT: u32 = 0x113;
/// rw; of the client, which a module may correct; 0: not known
pub const APUS_R_PEER_PORT: u32 = 0x114;
/// CGIPassAuth; 1: programs may see the field Authorization
pub const APUS_R_CGI_PASS_AUTH: u32 = 0x115;
/// CGIVar REQUEST_URI; 1: what the client asked for, 0: what it was redirected to
pub const APUS_R_CGI_ORIGINAL_URI: u32 = 0x116;
pub const APUS_R_LIMIT_CPU_SOFT: u32 = 0x117;
pub const APUS_R_LIMIT_CPU_HARD: u32 = 0x118;
pub const APUS_R_LIMIT_MEMORY_SOFT: u32 = 0x119;
pub const APUS_R_LIMIT_MEMORY_HARD: u32 = 0x11a;
pub const APUS_R_LIMIT_PROCESSES_SOFT: u32 = 0x11b;
pub const APUS_R_LIMIT_PROCESSES_HARD: u32 = 0x11c;
pub const APUS_FILE_NONE: i32 = 0;
pub const APUS_FILE_REGULAR: i32 = 1;
pub const APUS_FILE_DIRECTORY: i32 = 2;
pub const APUS_FILE_OTHER: i32 = 3;
pub const APUS_OPTION_INDEXES: i32 = 0x01;
pub const APUS_OPTION_INCLUDES: i32 = 0x02;
pub const APUS_OPTION_FOLLOW_SYM_LINKS: i32 = 0x04;
pub const APUS_OPTION_SYM_LINKS_IF_OWNER_MATCH: i32 = 0x08;
pub const APUS_OPTION_EXEC_CGI: i32 = 0x10;
pub const APUS_OPTION_INCLUDES_NO_EXEC: i32 = 0x20;
pub const APUS_OPTION_MULTI_VIEWS: i32 = 0x40;
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_request_v1 {
    pub size: u32,
    pub reserved: u32,
    /// One of its strings, APUS_R_…. Lives as long as the request, also when the field is set to another.
    pub get: Option<unsafe extern "C" fn(r: *const apus_req, field: u32) -> apus_str>,
    /// Sets a (rw) string; the host keeps a copy.
    ///  @return APUS_OK, or APUS_E_INVALID: it cannot be set, or not to this value
    pub set: Option<unsafe extern "C" fn(r: *mut apus_req, field: u32, value: apus_str) -> apus_status>,
    /// One of its numbers, APUS_R_….
    pub number: Option<unsafe extern "C" fn(r: *const apus_req, field: u32) -> i64>,
    /// Sets a (rw) number. @return as `set`
    pub set_number: Option<unsafe extern "C" fn(r: *mut apus_req, field: u32, value: i64) -> apus_status>,
    /// The virtual host that it is for.
    pub server: Option<unsafe extern "C" fn(r: *const apus_req) -> *const apus_server>,
    /// The connection it came by; its functions are \[conn\].
    pub conn: Option<unsafe extern "C" fn(r: *const apus_req) -> *mut apus_conn>,
    /// Memory that lives until the request has been logged.
    pub pool: Option<unsafe extern "C" fn(r: *const apus_req) -> *mut apus_pool>,
    /// The request this is a sub-request of, or NULL.
    pub main: Option<unsafe extern "C" fn(r: *const apus_req) -> *mut apus_req>,
    /// The request that was internally redirected to this one, or NULL.
    pub previous: Option<unsafe extern "C" fn(r: *const apus_req) -> *mut apus_req>,
    /// The calling module's own pointer on the request; NULL at first.
    pub slot: Option<unsafe extern "C" fn(r: *const apus_req, host: *const apus_host) -> *mut c_void>,
    pub set_slot: Option<unsafe extern "C" fn(r: *mut apus_req, host: *const apus_host, value: *mut c_void)>,
    /// The calling module's merged directory configuration. Before map_to_storage: that of the server.
    pub dir_conf: Option<unsafe extern "C" fn(r: *const apus_req, host: *const apus_host) -> *mut c_void>,
    /// The calling module's configuration of the request's server.
    pub server_conf: Option<unsafe extern "C" fn(r: *const apus_req, host: *const apus_host) -> *mut c_void>,
    /// Identity of the merged set of sections: equal numbers, equal directory configuration. Never 0.
    pub conf_identity: Option<unsafe extern "C" fn(r: *const apus_req) -> u64>,
    /// Whether URLs of that host and port lead to the request's own server, 1 or 0: it is one of its names or addresses.
    pub is_own_host: Option<unsafe extern "C" fn(r: *const apus_req, host: apus_str, port: u32) -> i32>,
    /// What the conditions of the request (RFC 9110, 13) say of an answer with the ETag and Last-Modified that stand in
    ///  APUS_HEADERS_OUT. A file that the host sends passes them anyway. @return APUS_OK: answer; 304 or 412: return it
    pub preconditions: Option<unsafe extern "C" fn(r: *const apus_req) -> apus_status>,
}


// ---- apus/server.h

pub const APUS_EXT_SERVER: &[u8] = b"apus.server/1\0";
/// ServerName's host
pub const APUS_S_NAME: u32 = 0;
/// the file its section stands in
pub const APUS_S_DEFINED_IN: u32 = 1;
pub const APUS_S_DOCUMENT_ROOT: u32 = 2;
pub const APUS_S_ADMIN: u32 = 3;
/// Protocols: names with a space in between, the most wanted first; "http/1.1" is among them
pub const APUS_S_PROTOCOLS: u32 = 4;
/// of a virtual host, as its section has them: "*:80 192.0.2.1:443". \[main\]
pub const APUS_S_ADDRESSES: u32 = 5;
/// ServerName's port, or 0
pub const APUS_S_PORT: u32 = 0x100;
/// the line its section begins at; 0: the main server
pub const APUS_S_LINE: u32 = 0x101;
pub const APUS_S_IS_VIRTUAL: u32 = 0x102;
pub const APUS_S_TIMEOUT_US: u32 = 0x103;
/// 0: the main server, then in order of the configuration
pub const APUS_S_INDEX: u32 = 0x104;
/// ProtocolsHonorOrder; 0: the client's order counts
pub const APUS_S_HONORS_PROTOCOL_ORDER: u32 = 0x105;
/// string
pub const APUS_P_SERVER_ROOT: u32 = 0;
/// string: "Apus/1.0.0"
pub const APUS_P_VERSION: u32 = 1;
/// number: index of this worker, or -1 in the leader. A worker that makes room for
///                                           another (MaxConnectionsPerChild) shares its index with it for a while
pub const APUS_P_WORKER: u32 = 0x100;
/// number: workers that serve; an index is below it
pub const APUS_P_WORKERS: u32 = 0x101;
/// number: 1 for the first start, one more for each that was begun since
pub const APUS_P_GENERATION: u32 = 0x102;
/// number: microseconds since 1970, as of this turn of the loop
pub const APUS_P_NOW_US: u32 = 0x103;
/// number: the same, read now
pub const APUS_P_CLOCK_US: u32 = 0x104;
/// number: whom the workers run as; to whom files belong that they shall write
pub const APUS_P_USER_ID: u32 = 0x105;
/// number: their group
pub const APUS_P_GROUP_ID: u32 = 0x106;
/// number: SeeRequestTail; 1: the end of a long request line is shown, not its beginning
pub const APUS_P_REQUEST_TAIL: u32 = 0x107;
/// number: ExtendedStatus; 0: single requests are not shown. On unless it says Off
pub const APUS_P_EXTENDED_STATUS: u32 = 0x108;
/// number: reloads that came to nothing since the server was started
pub const APUS_P_FAILED_RELOADS: u32 = 0x109;
/// A loaded module.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_module_fact {
    pub size: u32,
    pub reserved: u32,
    /// as in its descriptor
    pub name: apus_str,
    /// as in its descriptor
    pub version: apus_str,
    /// empty: it is built in
    pub file: apus_str,
    /// as in its descriptor
    pub toolchain: apus_str,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_server_v1 {
    pub size: u32,
    pub reserved: u32,
    /// One of its strings, APUS_S_…; {NULL, 0}: unset. Lives as long as the configuration.
    pub get: Option<unsafe extern "C" fn(s: *const apus_server, field: u32) -> apus_str>,
    /// One of its numbers, APUS_S_….
    pub number: Option<unsafe extern "C" fn(s: *const apus_server, field: u32) -> i64>,
    /// The main server.
    pub first: Option<unsafe extern "C" fn(host: *const apus_host) -> *const apus_server>,
    /// The next virtual host, or NULL.
    pub next: Option<unsafe extern "C" fn(s: *const apus_server) -> *const apus_server>,
    /// The calling module's server configuration.
    pub conf: Option<unsafe extern "C" fn(s: *const apus_server, host: *const apus_host) -> *mut c_void>,
    /// The calling module's directory configuration of the server, before any section.
    pub dir_conf: Option<unsafe extern "C" fn(s: *const apus_server, host: *const apus_host) -> *mut c_void>,
    /// A fact of the process that is a string, APUS_P_…; {NULL, 0}: unset. Lives as long as the configuration.
    pub process: Option<unsafe extern "C" fn(host: *const apus_host, fact: u32) -> apus_str>,
    /// A fact of the process that is a number, APUS_P_….
    pub process_number: Option<unsafe extern "C" fn(host: *const apus_host, fact: u32) -> i64>,
    /// Whether -D or Define defines a name: 1 or 0.
    pub is_defined: Option<unsafe extern "C" fn(host: *const apus_host, name: apus_str) -> i32>,
    /// Calls `fn` for each loaded module, in order of loading, during the call.
    pub each_module: Option<unsafe extern "C" fn(host: *const apus_host, fn_: Option<unsafe extern "C" fn(arg: *mut c_void, module: *const apus_module_fact)>, arg: *mut c_void)>,
    /// The pool that lives as long as the configuration. \[main\]
    pub pool: Option<unsafe extern "C" fn(host: *const apus_host) -> *mut apus_pool>,
}


// ---- apus/shared.h

pub const APUS_EXT_SHM: &[u8] = b"apus.shm/1\0";
pub const APUS_EXT_MUTEX: &[u8] = b"apus.mutex/1\0";
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_shm_v1 {
    pub size: u32,
    pub reserved: u32,
    /// Makes a segment of zeroes that every worker of this generation shares. \[main\], from open_config, never with
    ///  reason CHECK. It is never freed before the generation ends. @param name  unique in the module
    ///  @return APUS_OK, APUS_E_INVALID, APUS_E_NOMEM or APUS_E_THREAD
    pub create: Option<unsafe extern "C" fn(host: *const apus_host, name: *const c_char, bytes: usize, out: *mut *mut apus_shm) -> apus_status>,
    /// Where it lies: the same address in every worker. \[any\]
    pub base: Option<unsafe extern "C" fn(shm: *const apus_shm) -> *mut c_void>,
    /// Its length in bytes. \[any\]
    pub length: Option<unsafe extern "C" fn(shm: *const apus_shm) -> usize>,
    /// Like create, but the segment outlives the generation. When the generation before this one left a segment of that
    ///  name and length, it is that very memory, which workers that are leaving may still use; otherwise zeroes. \[main\],
    ///  from open_config, never with reason CHECK. @param inherited  may be NULL; 1: it holds what was there, 0: zeroes
    ///  @return as `create`
    pub create_lasting: Option<unsafe extern "C" fn(host: *const apus_host, name: *const c_char, bytes: usize, out: *mut *mut apus_shm, inherited: *mut i32) -> apus_status>,
    /// The segment that the generation before this one made lasting under that name, whatever its length: to move out of.
    ///  Call it before create_lasting. \[main\], from open_config @return APUS_OK or APUS_E_NOT_FOUND
    pub previous: Option<unsafe extern "C" fn(host: *const apus_host, name: *const c_char, out: *mut *mut apus_shm) -> apus_status>,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_mutex_v1 {
    pub size: u32,
    pub reserved: u32,
    /// Bytes a lock takes in shared memory, to be aligned to 16. \[any\]
    pub bytes: Option<unsafe extern "C" fn() -> usize>,
    /// Makes a robust lock in shared memory at `where`. \[main\] @return APUS_OK or APUS_E_INVALID
    pub init: Option<unsafe extern "C" fn(where_: *mut c_void, out: *mut *mut apus_mutex) -> apus_status>,
    /// Takes it; short critical sections only. \[any\] Not twice by one thread.
    ///  @return APUS_OK; APUS_RECOVERED: the last owner died with it, it is yours, and what it guards may be half changed;
    ///          APUS_E_FAIL: `mutex` is no lock
    pub lock: Option<unsafe extern "C" fn(mutex: *mut apus_mutex) -> apus_status>,
    /// As `lock`, but does not wait. \[any\] @return as `lock`; APUS_AGAIN: held by another
    pub try_lock: Option<unsafe extern "C" fn(mutex: *mut apus_mutex) -> apus_status>,
    /// Gives it back. \[any\] By the thread that took it.
    pub unlock: Option<unsafe extern "C" fn(mutex: *mut apus_mutex)>,
}


// ---- apus/socache.h

pub const APUS_GROUP_SOCACHE: &[u8] = b"socache/1\0";
/// all workers, and the generation after a reload, see the same content
pub const APUS_SOCACHE_SHARED: u32 = 0x01;
/// an answer may take a while: `retrieve` may return APUS_SUSPENDED
pub const APUS_SOCACHE_MAY_BLOCK: u32 = 0x02;
/// content outlives the server's end
pub const APUS_SOCACHE_SURVIVES_RESTART: u32 = 0x04;
/// store, retrieve, remove and status may also be called on pool threads
pub const APUS_SOCACHE_ANY_THREAD: u32 = 0x08;
/// What its user knows about the objects. Set `size`; zero means unknown.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_socache_hints {
    pub size: u32,
    /// bytes of a usual id
    pub id_length: u32,
    /// bytes of usual data
    pub data_length: u32,
    pub reserved: u32,
    /// how long an object is usually kept
    pub lifetime_us: i64,
}

/// How a `retrieve` ended that was suspended: once, on the loop that asked, within the provider's timeout.
///  @param status  APUS_OK, APUS_E_NOT_FOUND, or another error, which means "not found" and has been logged
///  @param data    valid during the call
pub type apus_socache_done_fn = Option<unsafe extern "C" fn(ctx: *mut c_void, status: apus_status, data: apus_str)>;

#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_socache_v1 {
    /// flags: APUS_SOCACHE_…
    pub size: u32,
    /// flags: APUS_SOCACHE_…
    pub flags: u32,
    /// Checks the argument after the provider's name and makes a cache that nothing backs yet. \[main\], from the handler of
    ///  a directive. @param argument  what follows the colon; empty: none was given
    ///  @return APUS_OK with *cache, or what apus_config_v1.fail returned
    pub make: Option<unsafe extern "C" fn(ctx: *mut c_void, cmd: *const apus_cmd, argument: apus_str, cache: *mut *mut c_void) -> apus_status>,
    /// Makes or opens what backs it. \[main\], from open_config. With reason CHECK it looks only whether that could be.
    ///  @param name   what the content is called among the caches of the server, such as "ssl-session": caches of one name
    ///                 and argument continue each other after a reload
    ///  @param hints  may be NULL
    ///  @return APUS_OK, or an error that was reported at the directive's place
    pub open: Option<unsafe extern "C" fn(cache: *mut c_void, name: apus_str, hints: *const apus_socache_hints, reason: u32) -> apus_status>,
    /// Keeps `data` under `id` until `expires_us` (microseconds since 1970), in place of what was there. Both are copied.
    ///  \[conn\], or on a worker's loop. Never waits: a provider that MAY_BLOCK goes on by itself, and logs what fails.
    ///  @return APUS_OK; APUS_E_TOO_BIG: it can never fit; or another error, which has been logged
    pub store: Option<unsafe extern "C" fn(cache: *mut c_void, id: apus_str, expires_us: i64, data: apus_str) -> apus_status>,
    /// Finds what was stored. \[conn\], or on a worker's loop.
    ///  @param data  found: a copy in `pool`
    ///  @return APUS_OK; APUS_E_NOT_FOUND; APUS_SUSPENDED: `done` will be called, even when whoever asked has gone, so what
    ///          `ctx` names must live until then; or another error, which has been logged
    pub retrieve: Option<unsafe extern "C" fn(cache: *mut c_void, id: apus_str, pool: *mut apus_pool, data: *mut apus_str, done: apus_socache_done_fn, done_ctx: *mut c_void) -> apus_status>,
    /// Forgets an object; APUS_OK also when there was none. As `store`.
    pub remove: Option<unsafe extern "C" fn(cache: *mut c_void, id: apus_str) -> apus_status>,
    /// Tells about the cache in pairs of a name ("stores") and a value ("1204"), each valid during its call. \[conn\], or on a
    ///  worker's loop.
    pub status: Option<unsafe extern "C" fn(cache: *mut c_void, fact: Option<unsafe extern "C" fn(arg: *mut c_void, name: apus_str, value: apus_str)>, arg: *mut c_void)>,
    /// Lets go of a cache that was made and is not wanted: its directive was overridden. \[main\] Not after `open`.
    pub close: Option<unsafe extern "C" fn(cache: *mut c_void)>,
}


// ---- apus/status.h

pub const APUS_GROUP_STATUS: &[u8] = b"status/1\0";
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_status_source_v1 {
    /// flags: 0
    pub size: u32,
    /// flags: 0
    pub flags: u32,
    /// Tells what there is to tell in pairs of a name without blanks ("CacheStoreCount") and a value ("1204"), each valid
    ///  during its call. Nothing: the part is left out. \[conn\]
    pub tell: Option<unsafe extern "C" fn(ctx: *mut c_void, r: *mut apus_req, fact: Option<unsafe extern "C" fn(arg: *mut c_void, name: apus_str, value: apus_str)>, arg: *mut c_void)>,
}


// ---- apus/subrequest.h

pub const APUS_EXT_SUBREQUEST: &[u8] = b"apus.subrequest/1\0";
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_subrequest_v1 {
    pub size: u32,
    pub reserved: u32,
    /// What a request for `target` (absolute path, or relative to r's) would be: runs the phases up to fixups, not the
    ///  handler. Ask its status, file type and content type through apus_request_v1.
    ///  @return APUS_OK with *sub, freed with the request at the latest, or APUS_E_INVALID: the target is no path
    pub lookup: Option<unsafe extern "C" fn(r: *mut apus_req, target: apus_str, sub: *mut *mut apus_req) -> apus_status>,
    /// Makes the looked-up request the answer to r: r takes over its file, configuration and headers. Not to be destroyed
    ///  then. @return APUS_OK
    pub adopt: Option<unsafe extern "C" fn(r: *mut apus_req, sub: *mut apus_req) -> apus_status>,
    /// Frees a looked-up request with all its strings.
    pub destroy: Option<unsafe extern "C" fn(sub: *mut apus_req)>,
    /// Answers r with a request for `target` instead, from the start of the phases, of the same method and with the body
    ///  that is left. Its environment holds that of r with REDIRECT_ before the names, and REDIRECT_STATUS, REDIRECT_URL
    ///  and REDIRECT_QUERY_STRING. Return APUS_DONE from the hook afterwards.
    ///  @return APUS_OK, APUS_E_INVALID: the target is no path, APUS_E_FAIL: too many redirects, which has been logged
    pub internal_redirect: Option<unsafe extern "C" fn(r: *mut apus_req, target: apus_str) -> apus_status>,
    /// The request target with the path of r's replaced by `path`, escaped, with scheme, host and port when needed: for
    ///  Location headers. In the request's pool.
    pub absolute_url: Option<unsafe extern "C" fn(r: *mut apus_req, path: apus_str) -> apus_str>,
    /// As lookup, for a file beside that of r: `name` is a file name (not escaped, maybe of several parts) that follows
    ///  the directory of r's file and of r's path. No module translates it. An
    ///  absolute name is that of any file; it has no path then. @return as `lookup`
    pub lookup_file: Option<unsafe extern "C" fn(r: *mut apus_req, name: apus_str, sub: *mut *mut apus_req) -> apus_status>,
    /// Runs the handler of a looked-up request. What it writes is sent as part of the body of the request it was looked
    ///  up for: to its output filters, or to those behind `behind`. One at a time for a request.
    ///  @param done  \[conn\] called once, perhaps before this returns, with APUS_OK or the status the handler answered;
    ///               not when the request is cancelled first
    ///  @return APUS_OK: `done` has been called or will be; or an error: it will not
    pub run: Option<unsafe extern "C" fn(sub: *mut apus_req, behind: *mut apus_filter, done: Option<unsafe extern "C" fn(ctx: *mut c_void, sub: *mut apus_req, status: apus_status)>, ctx: *mut c_void) -> apus_status>,
}


// ---- apus/tasks.h

pub const APUS_EXT_TASKS: &[u8] = b"apus.tasks/1\0";
pub const APUS_FD_READ: u32 = 1;
pub const APUS_FD_WRITE: u32 = 4;
pub const APUS_FD_ERROR: u32 = 8;
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_tasks_v1 {
    pub size: u32,
    pub reserved: u32,
    /// Suspends the hook at hand; in an on_cancel, holds the request that is given up. \[req\]
    ///  @param on_cancel  \[conn\] may be NULL; not called for a hold
    ///  @return APUS_OK, or APUS_E_UNSUPPORTED: the hook is not registered MAY_SUSPEND, or runs for a sub-request
    pub suspend: Option<unsafe extern "C" fn(r: *mut apus_req, on_cancel: Option<unsafe extern "C" fn(ctx: *mut c_void)>, ctx: *mut c_void, out: *mut apus_task) -> apus_status>,
    /// Goes on as if the hook had returned `status`. \[any\] Exactly once; it may be before the hook returns. APUS_AGAIN: the
    ///  hook is called again.
    ///  @return APUS_OK or APUS_E_STALE
    pub resume: Option<unsafe extern "C" fn(task: apus_task, status: apus_status) -> apus_status>,
    /// Runs `fn` on the blocking pool; its result resumes the task. \[conn\] `fn` runs \[pool\] and may touch only what
    ///  `ctx` holds. Task 0: nobody waits for it; `fn` posts what it has to tell. @return APUS_OK: it will run
    pub run_blocking: Option<unsafe extern "C" fn(task: apus_task, fn_: Option<unsafe extern "C" fn(ctx: *mut c_void) -> apus_status>, ctx: *mut c_void) -> apus_status>,
    /// Runs `fn` on the loop of a connection. \[any\] in a worker.
    ///  @param token  0: on the worker's loop, for no connection; `fn` is called with NULL
    ///  @return APUS_OK, or APUS_E_STALE when it is known at once that the connection has gone (on the loop's own thread); else
    ///          `fn` is called with NULL when it has gone by its turn; APUS_E_THREAD: this is no worker
    pub post: Option<unsafe extern "C" fn(token: apus_token, fn_: Option<unsafe extern "C" fn(ctx: *mut c_void, c: *mut apus_conn)>, ctx: *mut c_void) -> apus_status>,
    /// Calls `fn` once after `us` microseconds, on the loop. \[conn\] With a connection: not after it has gone.
    ///  It does not end with a request: cancel it from on_cancel when `ctx` lies in the request's memory.
    ///  @param c   NULL: a timer of the worker
    ///  @param id  for cancel_timer; may be NULL; never 0
    pub timer: Option<unsafe extern "C" fn(c: *mut apus_conn, us: u64, fn_: Option<unsafe extern "C" fn(ctx: *mut c_void)>, ctx: *mut c_void, id: *mut u64) -> apus_status>,
    /// Cancels a timer that has not run; others are ignored. \[conn\]
    pub cancel_timer: Option<unsafe extern "C" fn(id: u64)>,
    /// Calls `fn` each time the descriptor is ready, until `unwatch`, which must come before it is closed. \[conn\] APUS_FD_ERROR is
    ///  told, asked for or not. @return APUS_OK, or APUS_E_INVALID: it cannot be watched, or is already
    pub watch: Option<unsafe extern "C" fn(fd: i32, mask: u32, fn_: Option<unsafe extern "C" fn(ctx: *mut c_void, events: u32)>, ctx: *mut c_void) -> apus_status>,
    /// Ends the watching; may be called from `fn`. \[conn\]
    pub unwatch: Option<unsafe extern "C" fn(fd: i32)>,
    /// Lets a suspended request wait `us` microseconds from now, whatever its server's Timeout says. \[conn\]
    pub extend: Option<unsafe extern "C" fn(r: *mut apus_req, us: u64)>,
}


// ---- apus/work.h

/// Whoever asks sets `size` and leaves the rest zero; whoever is asked fills it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct apus_work {
    pub size: u32,
    pub reserved: u32,
    /// Does it, once. \[any\] Touches nothing but what `state` holds. @return the provider's answer
    pub run: Option<unsafe extern "C" fn(state: *mut c_void) -> apus_status>,
    /// Takes note of the answer, so that the next question is quick. \[conn\] May be NULL. Not called when the request has
    ///  gone meanwhile.
    pub finish: Option<unsafe extern "C" fn(state: *mut c_void, r: *mut apus_req, answer: apus_status)>,
    /// Frees the state: exactly once, after all else, whether or not it was run. \[any\]
    pub release: Option<unsafe extern "C" fn(state: *mut c_void)>,
    pub state: *mut c_void,
}


/// What is not part of ABI 1.0, and may change with any release of the server.
#[cfg(feature = "draft")]
pub mod draft {
    use super::*;

    // ---- apus/draft/handover.h

    pub const APUS_EXT_HANDOVER: &[u8] = b"apus.handover/0.1\0";
    #[derive(Clone, Copy)]
    #[repr(C)]
    pub struct apus_handover_v0 {
        pub size: u32,
        pub reserved: u32,
        /// Leaves bytes under a name of the module's own, in place of what was there. \[main\], from open_config, never with
        ///  reason CHECK; or \[leader\]. @param name  1 to 128 bytes without control characters  @param bytes  64 MiB at most; copied
        ///  @return APUS_OK; APUS_E_INVALID; APUS_E_TOO_BIG; APUS_E_NOMEM; APUS_E_THREAD; APUS_E_UNSUPPORTED: nobody keeps it (-X)
        pub put: Option<unsafe extern "C" fn(host: *const apus_host, name: apus_str, bytes: apus_str) -> apus_status>,
        /// What a generation before this one left, copied into `pool`; it stays there for the next. What nobody gets or puts
        ///  again is dropped when the generation is ready. \[main\], from open_config
        ///  @return APUS_OK; APUS_E_NOT_FOUND; APUS_E_IO
        pub get: Option<unsafe extern "C" fn(host: *const apus_host, name: apus_str, pool: *mut apus_pool, out: *mut apus_str) -> apus_status>,
        /// Drops a value. As `put`.
        pub remove: Option<unsafe extern "C" fn(host: *const apus_host, name: apus_str) -> apus_status>,
    }


    // ---- apus/draft/inspect.h

    pub const APUS_EXT_INSPECT: &[u8] = b"apus.inspect/0.1\0";
    pub const APUS_LINE_DIRECTIVE: u32 = 0;
    /// a section begins
    pub const APUS_LINE_SECTION: u32 = 1;
    /// it ends; only `name`, `depth` and `module` are set
    pub const APUS_LINE_SECTION_END: u32 = 2;
    /// A line of the configuration as it was read, macros and includes filled in.
    #[derive(Clone, Copy)]
    #[repr(C)]
    pub struct apus_config_line {
        pub size: u32,
        pub kind: u32,
        /// without '\<' and '\>'
        pub name: apus_str,
        /// as they stand in the file; "(redacted)" for directives that are APUS_DIRECTIVE_SECRET
        pub arguments: apus_str,
        pub file: apus_str,
        /// whose directive it is: "core_module"; empty: nobody's
        pub module: apus_str,
        pub line: u32,
        /// sections around it
        pub depth: u32,
    }

    #[derive(Clone, Copy)]
    #[repr(C)]
    pub struct apus_inspect_v0 {
        pub size: u32,
        pub reserved: u32,
        pub each_line: Option<unsafe extern "C" fn(host: *const apus_host, fn_: Option<unsafe extern "C" fn(arg: *mut c_void, line: *const apus_config_line)>, arg: *mut c_void)>,
        /// The directives that a module has, by name.
        pub each_directive: Option<unsafe extern "C" fn(host: *const apus_host, module: apus_str, fn_: Option<unsafe extern "C" fn(arg: *mut c_void, name: apus_str, help: apus_str, is_section: i32)>, arg: *mut c_void)>,
        /// The callbacks of each hook in the order they run, hooks by name. `position`: as in apus_hook_reg.
        pub each_callback: Option<unsafe extern "C" fn(host: *const apus_host, fn_: Option<unsafe extern "C" fn(arg: *mut c_void, hook: apus_str, module: apus_str, position: i32)>, arg: *mut c_void)>,
        /// The filters from the handler to the wire. `direction`: APUS_OUTPUT or APUS_INPUT of apus/filters.h.
        pub each_filter: Option<unsafe extern "C" fn(host: *const apus_host, fn_: Option<unsafe extern "C" fn(arg: *mut c_void, name: apus_str, module: apus_str, direction: u32)>, arg: *mut c_void)>,
        /// The providers, by group and name.
        pub each_provider: Option<unsafe extern "C" fn(host: *const apus_host, fn_: Option<unsafe extern "C" fn(arg: *mut c_void, group: apus_str, name: apus_str, module: apus_str)>, arg: *mut c_void)>,
    }


    // ---- apus/draft/preface.h

    pub const APUS_GROUP_PREFACE: &[u8] = b"preface/0.1\0";
    /// bytes; a connection whose preface is longer is closed
    pub const APUS_PREFACE_MAX: i32 = 4096;
    #[derive(Clone, Copy)]
    #[repr(C)]
    pub struct apus_preface_v0 {
        pub size: u32,
        pub flags: u32,
        /// A connection was accepted. @return APUS_OK: it must begin with this preface; APUS_DECLINED: it has none
        pub expects: Option<unsafe extern "C" fn(ctx: *mut c_void, c: *mut apus_conn) -> apus_status>,
        /// Looks at all that has come so far; called again when there is more.
        ///  @param used  set to how many of the bytes are the preface, when it is whole
        ///  @return APUS_OK: it is; APUS_AGAIN: more must come; or an error: close
        pub read: Option<unsafe extern "C" fn(ctx: *mut c_void, c: *mut apus_conn, bytes: *const c_void, n: usize, used: *mut usize) -> apus_status>,
    }


    // ---- apus/draft/program.h

    pub const APUS_EXT_PROGRAM: &[u8] = b"apus.program/0.1\0";
    #[derive(Clone, Copy)]
    #[repr(C)]
    pub struct apus_program_v0 {
        pub size: u32,
        pub reserved: u32,
        /// Starts a program whose standard input and output are pipes; every worker inherits their other ends, which are
        ///  closed on exec. What it says on standard error goes where the server's own standard error goes. It is sent SIGTERM
        ///  when the leader of this generation ends; one that ends earlier is not started again. \[main\], from open_config,
        ///  never with reason CHECK.
        ///  @param argv   the program's path and its arguments
        ///  @param user   whose rights it gets, and
        ///  @param group  of which group; empty: those of the leader. Only root may give others
        ///  @param input  what is written here the program reads; @param output  what it writes can be read here
        ///  @return APUS_OK, APUS_E_NOT_FOUND: no such user or group, or APUS_E_IO: errno says why
        pub start: Option<unsafe extern "C" fn(host: *const apus_host, argv: *const apus_str, argc: u32, user: apus_str, group: apus_str, input: *mut i32, output: *mut i32) -> apus_status>,
    }


    // ---- apus/draft/protocol.h

    pub const APUS_GROUP_PROTOCOL: &[u8] = b"protocol/0.1\0";
    pub const APUS_EXT_UPGRADE: &[u8] = b"apus.upgrade/0.1\0";
    #[derive(Clone, Copy)]
    #[repr(C)]
    pub struct apus_protocol_v0 {
        pub size: u32,
        pub flags: u32,
        /// The connection is the provider's from now on. Not called after `switch_to`. @return APUS_OK, or an error: close
        pub open: Option<unsafe extern "C" fn(ctx: *mut c_void, c: *mut apus_conn, state: *mut *mut c_void) -> apus_status>,
        /// Plain bytes came; they are valid during the call. `n` 0: the peer has finished sending, and this is not called
        ///  again. @return APUS_OK, or an error: close
        pub receive: Option<unsafe extern "C" fn(state: *mut c_void, bytes: *const c_void, n: usize) -> apus_status>,
        /// `send` answered AGAIN before, and there is room again. May be NULL. @return APUS_OK, or an error: close
        pub writable: Option<unsafe extern "C" fn(state: *mut c_void) -> apus_status>,
        /// The connection is at its end: free the state.
        pub close: Option<unsafe extern "C" fn(state: *mut c_void)>,
    }

    #[derive(Clone, Copy)]
    #[repr(C)]
    pub struct apus_upgrade_v0 {
        pub size: u32,
        pub reserved: u32,
        /// Whether the client offers to go on with a protocol: its name stands in Upgrade, and "upgrade" in Connection.
        ///  \[req\] Not for HTTP/1.0, which has no such thing, nor in sub-requests. @return 1 or 0
        pub asked: Option<unsafe extern "C" fn(r: *const apus_req, protocol: apus_str) -> i32>,
        /// Answers 101 with the headers set so far, and hands the connection over. For a handler on the loop, suspended or
        ///  not: once this has returned APUS_OK the handler must return APUS_OK, or resume with it. `state` may be used from
        ///  now on: what is sent follows the answer.
        ///  @return APUS_OK, APUS_E_INVALID (the client has not asked for it, its body is not read, or an answer has begun),
        ///  or APUS_E_THREAD
        pub switch_to: Option<unsafe extern "C" fn(r: *mut apus_req, protocol: apus_str, vtable: *const apus_protocol_v0, state: *mut c_void) -> apus_status>,
        /// Sends plain bytes of `n_parts` parts, copied.
        ///  @return APUS_OK, APUS_AGAIN (taken, but wait for `writable` before sending more), or APUS_E_CLOSED
        pub send: Option<unsafe extern "C" fn(c: *mut apus_conn, parts: *const apus_str, n_parts: u32) -> apus_status>,
        /// Bytes that the client's system has not taken yet.
        pub pending: Option<unsafe extern "C" fn(c: *const apus_conn) -> i64>,
        /// 1: nothing is received until it is called with 0, so that the client has to wait.
        pub hold: Option<unsafe extern "C" fn(c: *mut apus_conn, held: i32) -> apus_status>,
        /// Ends the connection when nothing came or went for so many microseconds; 0: never. At first the server's Timeout.
        pub idle_limit: Option<unsafe extern "C" fn(c: *mut apus_conn, us: u64) -> apus_status>,
        /// The connection is the protocol's from now on. From process_connection. @return APUS_OK or APUS_E_INVALID
        pub take: Option<unsafe extern "C" fn(c: *mut apus_conn, vtable: *const apus_protocol_v0, state: *mut c_void) -> apus_status>,
    }


    // ---- apus/draft/session.h

    /// Where sessions are stored; the providers are asked in order of their names until one does not decline.
    pub const APUS_GROUP_SESSION_STORE: &[u8] = b"session_store/0.1\0";
    /// What is done to the text before it is stored: in order of the names, and backwards when it is loaded.
    pub const APUS_GROUP_SESSION_CODEC: &[u8] = b"session_codec/0.1\0";
    #[derive(Clone, Copy)]
    #[repr(C)]
    pub struct apus_session_store_v0 {
        pub size: u32,
        pub flags: u32,
        /// What is stored of the request's session, in its memory; ptr NULL: nothing yet.
        ///  @return APUS_OK, APUS_DECLINED: sessions are not stored here, or an error
        pub load: Option<unsafe extern "C" fn(ctx: *mut c_void, r: *mut apus_req, out: *mut apus_str) -> apus_status>,
        /// Stores it; the empty string removes it. Header fields that carry it are to be set in APUS_HEADERS_ERR.
        ///  @param max_age  seconds until it expires; 0: never
        ///  @return as `load`
        pub save: Option<unsafe extern "C" fn(ctx: *mut c_void, r: *mut apus_req, text: apus_str, max_age: i64) -> apus_status>,
    }

    #[derive(Clone, Copy)]
    #[repr(C)]
    pub struct apus_session_codec_v0 {
        pub size: u32,
        pub flags: u32,
        /// Makes of `in` what is stored, in the request's memory. @return APUS_OK, APUS_DECLINED: not here, or an error
        pub encode: Option<unsafe extern "C" fn(ctx: *mut c_void, r: *mut apus_req, in_: apus_str, out: *mut apus_str) -> apus_status>,
        /// The other way. An error: it is no session, and a new one begins.
        pub decode: Option<unsafe extern "C" fn(ctx: *mut c_void, r: *mut apus_req, in_: apus_str, out: *mut apus_str) -> apus_status>,
    }


    // ---- apus/draft/tap.h

    pub const APUS_GROUP_TAP: &[u8] = b"tap/0.1\0";
    #[derive(Clone, Copy)]
    #[repr(C)]
    pub struct apus_tap_v0 {
        pub size: u32,
        pub flags: u32,
        /// A connection was accepted. @return APUS_OK: its bytes are shown, and files are sent as bytes; APUS_DECLINED
        pub wants: Option<unsafe extern "C" fn(ctx: *mut c_void, c: *mut apus_conn) -> apus_status>,
        /// Bytes came from the client; `n` 0: it has finished sending. They are valid during the call.
        pub received: Option<unsafe extern "C" fn(ctx: *mut c_void, c: *mut apus_conn, bytes: *const c_void, n: usize)>,
        /// Bytes were sent, or taken by the transport to be sent. They are valid during the call.
        pub sent: Option<unsafe extern "C" fn(ctx: *mut c_void, c: *mut apus_conn, bytes: *const c_void, n: usize)>,
    }


    // ---- apus/draft/timeouts.h

    pub const APUS_EXT_TIMEOUTS: &[u8] = b"apus.timeouts/0.1\0";
    /// of the transport: ends when it agrees
    pub const APUS_PHASE_HANDSHAKE: u32 = 0;
    /// the head of a request, from its first byte, or the begin of the connection
    pub const APUS_PHASE_HEADER: u32 = 1;
    /// the body of a request, from when it is first waited for
    pub const APUS_PHASE_BODY: u32 = 2;
    /// taking the answer: within each `initial_us`, rate × seconds must have been taken
    pub const APUS_PHASE_RESPONSE: u32 = 3;
    #[derive(Clone, Copy)]
    #[repr(C)]
    pub struct apus_timeouts_v0 {
        pub size: u32,
        pub reserved: u32,
        /// Limits a part of the exchanges with a server, besides its Timeout. A client that is too slow is answered 408 where
        ///  it can be answered, and its connection closed. \[main\], from open_config.
        ///  @param initial_us  microseconds; 0: no limit of this kind
        ///  @param maximum_us  to which bytes that come can extend it; 0: any time. Not for APUS_PHASE_RESPONSE
        ///  @param rate        bytes that earn the client a further second; 0: nothing does
        ///  @return APUS_OK or APUS_E_INVALID
        pub limit: Option<unsafe extern "C" fn(s: *const apus_server, phase: u32, initial_us: i64, maximum_us: i64, rate: i64) -> apus_status>,
    }


    // ---- apus/draft/transport.h

    pub const APUS_GROUP_TRANSPORT: &[u8] = b"transport/0.1\0";
    pub const APUS_EXT_WIRE: &[u8] = b"apus.wire/0.1\0";
    /// it encrypts: requests are https
    pub const APUS_TRANSPORT_SECURE: u32 = 0x01;
    #[derive(Clone, Copy)]
    #[repr(C)]
    pub struct apus_transport_v0 {
        pub size: u32,
        pub flags: u32,
        /// A new connection. @return APUS_OK with *state, APUS_DECLINED: not for this one, or an error: close it
        pub open: Option<unsafe extern "C" fn(ctx: *mut c_void, c: *mut apus_conn, state: *mut *mut c_void) -> apus_status>,
        /// Goes on with the handshake. @return APUS_OK (over), APUS_AGAIN, APUS_SUSPENDED, or an error: close.
        ///  APUS_DECLINED: the client spoke plain HTTP; the host answers 400 in clear and closes.
        pub handshake: Option<unsafe extern "C" fn(state: *mut c_void) -> apus_status>,
        /// Reads plain bytes. @return APUS_OK (*n 0: end), APUS_AGAIN, or an error
        pub read: Option<unsafe extern "C" fn(state: *mut c_void, buffer: *mut c_void, capacity: usize, n: *mut usize) -> apus_status>,
        /// Takes plain bytes of `n_parts` parts; *n tells how many. What it took it keeps until sent.
        ///  @return APUS_OK, APUS_AGAIN: call again (with what is left, or nothing) when writable, or an error
        pub write: Option<unsafe extern "C" fn(state: *mut c_void, parts: *const apus_str, n_parts: u32, n: *mut usize) -> apus_status>,
        /// Says goodbye (TLS close_notify). @return APUS_OK, APUS_AGAIN or an error
        pub shutdown: Option<unsafe extern "C" fn(state: *mut c_void) -> apus_status>,
        /// The connection is closed; free the state.
        pub close: Option<unsafe extern "C" fn(state: *mut c_void)>,
        /// The protocol agreed on by ALPN, or empty.
        pub protocol: Option<unsafe extern "C" fn(state: *mut c_void) -> apus_str>,
        /// As `write`, when these are the last plain bytes of the connection: the goodbye may leave in the same packet. `shutdown`
        ///  and `close` follow nevertheless. NULL: `write` will do.
        pub write_last: Option<unsafe extern "C" fn(state: *mut c_void, parts: *const apus_str, n_parts: u32, n: *mut usize) -> apus_status>,
    }

    /// What transports need of the host. All \[conn\].
    #[derive(Clone, Copy)]
    #[repr(C)]
    pub struct apus_wire_v0 {
        pub size: u32,
        pub reserved: u32,
        /// Reads raw bytes. @return APUS_OK (*n 0: end of stream), APUS_AGAIN or APUS_E_CLOSED
        pub read: Option<unsafe extern "C" fn(c: *mut apus_conn, buffer: *mut c_void, capacity: usize, n: *mut usize) -> apus_status>,
        /// Writes raw bytes. @return APUS_OK (all), APUS_AGAIN (*n of them) or APUS_E_CLOSED
        pub write: Option<unsafe extern "C" fn(c: *mut apus_conn, bytes: *const c_void, length: usize, n: *mut usize) -> apus_status>,
        /// Makes the virtual host named `name` on this address the connection's server (SNI, RFC 6066 section 3).
        ///  @param matched  may be NULL; 0: no host bears the name
        ///  @return the server now in force; the default one of the address when no host bears the name
        pub select_server: Option<unsafe extern "C" fn(c: *mut apus_conn, name: apus_str, matched: *mut i32) -> *const apus_server>,
        /// Suspends a handshake, from `handshake`. apus_tasks_v1.resume with APUS_OK calls it again.
        ///  @return APUS_OK, or APUS_E_INVALID: there is no handshake
        pub suspend: Option<unsafe extern "C" fn(c: *mut apus_conn, on_cancel: Option<unsafe extern "C" fn(ctx: *mut c_void)>, ctx: *mut c_void, out: *mut apus_task) -> apus_status>,
        /// The transport's state when `name` is the transport in use; else NULL.
        pub state: Option<unsafe extern "C" fn(c: *const apus_conn, name: apus_str) -> *mut c_void>,
    }


    // ---- apus/draft/upstream.h

    pub const APUS_GROUP_UPSTREAM: &[u8] = b"upstream/0.1\0";
    #[derive(Clone, Copy)]
    #[repr(C)]
    pub struct apus_upstream_v0 {
        pub size: u32,
        pub flags: u32,
        /// Begins on a connected, non-blocking socket, which stays the caller's. \[any\]
        ///  @param host  the name or address of the other server as it was asked for; the peer must prove to be it
        ///  @return APUS_OK with *state; APUS_DECLINED: the configuration does not turn it on; or an error
        pub open: Option<unsafe extern "C" fn(ctx: *mut c_void, server: *const apus_server, host: apus_str, fd: i32, state: *mut *mut c_void) -> apus_status>,
        /// Goes on with the handshake. @return APUS_OK: agreed, and the peer is as demanded; APUS_AGAIN: call again when the
        ///  socket is ready for *wants (APUS_FD_READ or APUS_FD_WRITE of apus/tasks.h); or an error
        pub handshake: Option<unsafe extern "C" fn(state: *mut c_void, wants: *mut u32) -> apus_status>,
        /// Reads plain bytes. @return APUS_OK (*n 0: the peer has ended), APUS_AGAIN as above, or an error
        pub read: Option<unsafe extern "C" fn(state: *mut c_void, buffer: *mut c_void, capacity: usize, n: *mut usize, wants: *mut u32) -> apus_status>,
        /// Writes plain bytes; after APUS_AGAIN it must be called with the same ones. @return as `read`
        pub write: Option<unsafe extern "C" fn(state: *mut c_void, bytes: *const c_void, length: usize, n: *mut usize, wants: *mut u32) -> apus_status>,
        /// Says goodbye. @return as `read`
        pub shutdown: Option<unsafe extern "C" fn(state: *mut c_void, wants: *mut u32) -> apus_status>,
        /// Frees the state. The socket stays open.
        pub close: Option<unsafe extern "C" fn(state: *mut c_void)>,
        /// What went wrong, as a sentence; lives until the next call.
        pub problem: Option<unsafe extern "C" fn(state: *mut c_void) -> apus_str>,
        /// What was agreed on: "protocol", "cipher", "verified" ("SUCCESS", "NONE" …); empty: unknown. Lives as long as the
        ///  state.
        pub fact: Option<unsafe extern "C" fn(state: *mut c_void, name: apus_str) -> apus_str>,
    }


}
