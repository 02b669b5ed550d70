use crate::sys;
use crate::tables::{self, call};

/// How loud a line is, as LogLevel names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// The server cannot be used.
    Emerg = 0,
    /// Somebody must act at once.
    Alert,
    /// Something important is broken.
    Crit,
    /// A request or a part of the server failed.
    Error,
    /// Something is probably wrong.
    Warn,
    /// Normal, and worth knowing.
    Notice,
    /// For the curious.
    Info,
    /// For who looks for a mistake.
    Debug,
    /// Step by step.
    Trace1,
}

pub(crate) fn write(
    host: *const sys::apus_host,
    level: Level,
    request: *const sys::apus_req,
    connection: *const sys::apus_conn,
    message: &dyn Fn() -> String,
) {
    let server = std::ptr::null();
    if call!(log.enabled(host, level as i32, request, connection, server)) == 0 {
        return;
    }
    let text = message();
    let code = tables::str(b"");
    call!(log.write(host, level as i32, code, request, connection, server, tables::str(text.as_bytes())));
}
