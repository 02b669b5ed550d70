use crate::config::{self, Conf, Directive};
use crate::host::Host;
use crate::log::{self, Level};
use crate::status::Error;
use crate::sys::{self, *};
use crate::tables;
use std::ffi::{CStr, CString};
use std::os::raw::{c_char, c_void};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;

/// A module: one instance a process, made when the host attaches it.
pub trait Module: Sized + Send + Sync + 'static {
    /// As LoadModule's first argument says it: `"hello_module"`.
    const NAME: &'static str;
    /// The module's own version.
    const VERSION: &'static str;
    /// Extension ids beyond those every module needs; a host without one refuses the module with a message.
    const REQUIRES: &'static [&'static [u8]] = &[];
    /// Extension ids it uses when they are there.
    const OPTIONAL: &'static [&'static [u8]] = &[];

    /// Its configuration of a server; `()` when there is none.
    type Server: Conf;
    /// Its configuration of a directory, location or server; `()` when there is none.
    type Dir: Conf;

    /// Its directives.
    fn directives() -> Vec<Directive<Self>> {
        Vec::new()
    }

    /// Registers hooks, filters, providers and functions. May start no thread and open nothing.
    fn attach(host: &Host<Self>) -> Result<Self, Error>;
}

/// What the crate itself calls without asking.
const NEEDED: &[&[u8]] = &[
    APUS_EXT_CONFIG,
    APUS_EXT_HOOKS,
    APUS_EXT_POOL,
    APUS_EXT_LOG,
    APUS_EXT_REQUEST,
    APUS_EXT_HEADERS,
    APUS_EXT_BODY,
];

/// The least minor of the ABI that the crate works with: what came later is used where the host has it.
const MINOR: u16 = 0;

/// The descriptor of a module when `name` is its name or empty; for [`export!`](crate::export).
///
/// # Safety
/// Both pointers are the host's.
pub unsafe fn describe<M: Module>(host: *const apus_host, name: *const c_char) -> Option<*const apus_module> {
    let wanted = CStr::from_ptr(name).to_bytes();
    if !wanted.is_empty() && wanted != M::NAME.as_bytes() {
        return None;
    }
    tables::fill(host);
    let rows: Vec<apus_directive> = M::directives().into_iter().map(config::row::<M>).collect();
    let n_directives = rows.len() as u32;
    let descriptor = apus_module {
        size: std::mem::size_of::<apus_module>() as u32,
        abi_major: APUS_ABI_MAJOR as u16,
        abi_minor_min: MINOR,
        flags: 0,
        n_directives,
        directive_stride: std::mem::size_of::<apus_directive>() as u32,
        name: text(M::NAME),
        version: text(M::VERSION),
        toolchain: text("rust"),
        requires_ids: ids(NEEDED.iter().chain(M::REQUIRES)),
        optional_ids: ids(M::OPTIONAL.iter()),
        directives: Box::leak(rows.into_boxed_slice()).as_ptr(),
        server_conf: config::operations::<M::Server>(),
        dir_conf: config::operations::<M::Dir>(),
        attach: Some(attach::<M>),
        detach: Some(detach::<M>),
    };
    Some(Box::leak(Box::new(descriptor)))
}

/// A C string that lives for ever; a NUL in it ends it.
pub(crate) fn text(string: &str) -> *const c_char {
    let bytes: Vec<u8> = string.bytes().take_while(|byte| *byte != 0).collect();
    CString::new(bytes).unwrap_or_default().into_raw()
}

fn ids<'a>(list: impl Iterator<Item = &'a &'static [u8]>) -> *const *const c_char {
    let mut pointers: Vec<*const c_char> = list.map(|id| id.as_ptr() as *const c_char).collect();
    pointers.push(ptr::null());
    Box::leak(pointers.into_boxed_slice()).as_ptr()
}

unsafe extern "C" fn attach<M: Module>(raw: *const apus_host, ctx: *mut *mut c_void) -> apus_status {
    let host = Host::<M>::new(raw);
    guarded(raw, ptr::null(), || {
        let module = M::attach(&host)?;
        *ctx = Box::into_raw(Box::new(module)) as *mut c_void;
        Ok(crate::Status::OK)
    })
}

unsafe extern "C" fn detach<M: Module>(ctx: *mut c_void) {
    if !ctx.is_null() {
        drop(Box::from_raw(ctx as *mut M));
    }
}

/// Runs a callback so that nothing but a status reaches the host: errors and panics are logged.
pub(crate) fn guarded(
    host: *const apus_host,
    request: *const sys::apus_req,
    body: impl FnOnce() -> Result<crate::Status, Error>,
) -> apus_status {
    let error = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(status)) => return status.0,
        Ok(Err(error)) => error,
        Err(payload) => Error::from(format!("panic: {}", panic_text(&*payload))),
    };
    if !error.message.is_empty() {
        log::write(host, Level::Error, request, ptr::null(), &|| error.message.clone());
    }
    error.status.0
}

pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        return text.to_string();
    }
    payload.downcast_ref::<String>().cloned().unwrap_or_else(|| "without a message".to_string())
}
