//! The host's function tables, asked for when the module is entered.

#[cfg(feature = "draft")]
use crate::sys::draft::*;
use crate::sys::*;
use std::os::raw::c_char;
use std::sync::atomic::{AtomicPtr, Ordering};

macro_rules! tables {
    ($($(#[$condition:meta])? $name:ident: $table:ident = $id:ident;)*) => {
        $(
            $(#[$condition])?
            #[inline(always)]
            pub fn $name() -> &'static $table {
                match unsafe { cells::$name.load(Ordering::Relaxed).as_ref() } {
                    Some(table) => table,
                    None => missing($id),
                }
            }
        )*

        #[allow(non_upper_case_globals)]
        mod cells {
            use super::*;
            $($(#[$condition])? pub static $name: AtomicPtr<$table> = AtomicPtr::new(std::ptr::null_mut());)*
        }

        /// Asks the host for all of them. One that it does not offer stays empty until somebody uses it.
        pub unsafe fn fill(host: *const apus_host) {
            if let Some(extension) = (*host).extension {
                $($(#[$condition])? cells::$name.store(extension(host, $id.as_ptr() as *const c_char) as *mut $table, Ordering::Relaxed);)*
            }
        }
    };
}

tables! {
    config: apus_config_v1 = APUS_EXT_CONFIG;
    hooks: apus_hooks_v1 = APUS_EXT_HOOKS;
    functions: apus_functions_v1 = APUS_EXT_FUNCTIONS;
    providers: apus_providers_v1 = APUS_EXT_PROVIDERS;
    pool: apus_pool_v1 = APUS_EXT_POOL;
    log: apus_log_v1 = APUS_EXT_LOG;
    request: apus_request_v1 = APUS_EXT_REQUEST;
    headers: apus_headers_v1 = APUS_EXT_HEADERS;
    conn: apus_conn_v1 = APUS_EXT_CONN;
    server: apus_server_v1 = APUS_EXT_SERVER;
    body: apus_body_v1 = APUS_EXT_BODY;
    filters: apus_filters_v1 = APUS_EXT_FILTERS;
    tasks: apus_tasks_v1 = APUS_EXT_TASKS;
    shm: apus_shm_v1 = APUS_EXT_SHM;
    mutex: apus_mutex_v1 = APUS_EXT_MUTEX;
    expr: apus_expr_v1 = APUS_EXT_EXPR;
    subrequest: apus_subrequest_v1 = APUS_EXT_SUBREQUEST;
    leader: apus_leader_v1 = APUS_EXT_LEADER;
    #[cfg(feature = "draft")]
    upgrade: apus_upgrade_v0 = APUS_EXT_UPGRADE;
}

#[cold]
fn missing(id: &[u8]) -> ! {
    panic!("the host does not offer {}: name it in Module::REQUIRES", String::from_utf8_lossy(&id[..id.len() - 1]))
}

/// Calls a function of a table. Every function of a table's first revision is there.
macro_rules! call {
    ($table:ident.$function:ident($($argument:expr),* $(,)?)) => {
        match $crate::tables::$table().$function {
            #[allow(unused_unsafe)]
            Some(function) => unsafe { function($($argument),*) },
            None => panic!(concat!("the host does not offer ", stringify!($table), ".", stringify!($function))),
        }
    };
}
pub(crate) use call;

/// Bytes as the contract passes them.
pub fn str(bytes: &[u8]) -> apus_str {
    apus_str { ptr: bytes.as_ptr() as *const c_char, len: bytes.len() }
}

/// Bytes that live as long as the caller says; None: not set.
pub unsafe fn bytes<'a>(text: apus_str) -> Option<&'a [u8]> {
    if text.ptr.is_null() {
        return None;
    }
    Some(std::slice::from_raw_parts(text.ptr as *const u8, text.len))
}
