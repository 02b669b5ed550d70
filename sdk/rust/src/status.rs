use crate::sys;
use std::fmt;

/// What a hook or a call of the host answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status(pub sys::apus_status);

impl Status {
    /// Done; in a hook of kind ALL the next one runs.
    pub const OK: Status = Status(sys::APUS_OK);
    /// Not mine: the next one is asked.
    pub const DECLINED: Status = Status(sys::APUS_DECLINED);
    /// The request is answered.
    pub const DONE: Status = Status(sys::APUS_DONE);
    /// A task taken with `suspend` goes on later.
    pub const SUSPENDED: Status = Status(sys::APUS_SUSPENDED);
    /// Nothing now: ask again. Resuming a task with it calls the hook again.
    pub const AGAIN: Status = Status(sys::APUS_AGAIN);

    /// Answers the request with an HTTP status.
    pub const fn http(code: i32) -> Status {
        Status(code)
    }

    /// Whether it is one of the errors.
    pub fn is_error(self) -> bool {
        self.0 < 0
    }
}

/// What hooks return.
pub type Answer = Result<Status, Error>;

/// A reason to give up; one that leaves a hook is logged and becomes a 500, unless `status` says otherwise.
#[derive(Debug)]
pub struct Error {
    /// What the log says; empty: it has been said already.
    pub message: String,
    /// What the hook answers then.
    pub status: Status,
}

impl Error {
    /// An error with a status of its own.
    pub fn new(status: Status, message: impl Into<String>) -> Error {
        Error { message: message.into(), status }
    }
}

impl From<String> for Error {
    fn from(message: String) -> Error {
        Error::new(Status(sys::APUS_E_FAIL), message)
    }
}

impl From<&str> for Error {
    fn from(message: &str) -> Error {
        Error::from(message.to_string())
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Error {
        Error::from(error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

/// Turns a refusal by the host into an error that says what was tried.
pub(crate) fn check(status: sys::apus_status, what: &str) -> Result<Status, Error> {
    if status < 0 {
        return Err(Error::new(Status(status), format!("{}: the host answered {}", what, status)));
    }
    Ok(Status(status))
}
