use crate::module::Module;
use crate::request::Request;
use crate::status::{check, Error, Status};
use crate::sys::*;
use crate::tables::call;
use std::os::raw::c_void;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// A suspended hook. It goes on when it is resumed: once, from any thread.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    id: apus_task,
}

impl Task {
    /// Goes on as if the hook had returned `status`; with `Status::AGAIN` the hook is called again. False: the request had
    /// gone.
    pub fn resume(self, status: Status) -> bool {
        call!(tasks.resume(self.id, status.0)) == APUS_OK
    }

    /// Runs `body` on the pool of threads; its result resumes the task.
    pub fn run_blocking(self, body: impl FnOnce() -> Status + Send + 'static) -> Result<(), Error> {
        let boxed: Box<Box<dyn FnOnce() -> Status + Send>> = Box::new(Box::new(body));
        let ctx = Box::into_raw(boxed);
        let status = call!(tasks.run_blocking(self.id, Some(run), ctx as *mut c_void));
        if status < 0 {
            drop(unsafe { Box::from_raw(ctx) });
        }
        check(status, "cannot run on the pool").map(|_| ())
    }
}

impl<'r, M: Module> Request<'r, M> {
    /// Suspends the hook at hand, which then returns `Status::SUSPENDED`. It is registered with `may_suspend`.
    /// `on_cancel` runs when the client has gone, or the time is over.
    pub fn suspend(&self, on_cancel: impl Fn() + 'static) -> Result<Task, Error> {
        let boxed: Box<dyn Fn()> = Box::new(on_cancel);
        let kept = self.pool().keep(boxed).ok_or("no memory")?;
        let mut id = 0;
        let status = call!(tasks.suspend(self.raw, Some(cancel), kept as *const _ as *mut c_void, &mut id));
        check(status, "cannot suspend")?;
        Ok(Task { id })
    }

    /// Calls `body` once when reading (`APUS_WANT_READ`) or writing can go on. For a suspended request.
    pub fn when(&self, want: u32, body: impl FnOnce(&Request<M>) + 'static) -> Result<(), Error> {
        let host = self.host;
        let boxed: Box<Waiting> = Box::new(Box::new(move |raw| body(&Request::new(raw, host))));
        let ctx = Box::into_raw(boxed);
        let status = call!(body.when(self.raw, want, Some(ready), ctx as *mut c_void));
        if status < 0 {
            drop(unsafe { Box::from_raw(ctx) });
        }
        check(status, "cannot wait").map(|_| ())
    }
}

type Waiting = Box<dyn FnOnce(*mut apus_req)>;

unsafe extern "C" fn ready(ctx: *mut c_void, r: *mut apus_req) {
    let body = Box::from_raw(ctx as *mut Waiting);
    let _ = catch_unwind(AssertUnwindSafe(|| (*body)(r)));
}

unsafe extern "C" fn cancel(ctx: *mut c_void) {
    let _ = catch_unwind(AssertUnwindSafe(|| (*(ctx as *const Box<dyn Fn()>))()));
}

unsafe extern "C" fn run(ctx: *mut c_void) -> apus_status {
    let body = Box::from_raw(ctx as *mut Box<dyn FnOnce() -> Status + Send>);
    catch_unwind(AssertUnwindSafe(|| (*body)().0)).unwrap_or(APUS_E_FAIL)
}

/// Calls `body` once after so many microseconds; with a connection not after that has gone.
pub(crate) fn timer(connection: *mut apus_conn, microseconds: u64, body: impl FnOnce() + 'static) -> Result<u64, Error> {
    let boxed: Box<Box<dyn FnOnce()>> = Box::new(Box::new(body));
    let ctx = Box::into_raw(boxed);
    let mut id = 0;
    let status = call!(tasks.timer(connection, microseconds, Some(expired), ctx as *mut c_void, &mut id));
    if status < 0 {
        drop(unsafe { Box::from_raw(ctx) });
    }
    check(status, "cannot set a timer")?;
    Ok(id)
}

unsafe extern "C" fn expired(ctx: *mut c_void) {
    let body = Box::from_raw(ctx as *mut Box<dyn FnOnce()>);
    let _ = catch_unwind(AssertUnwindSafe(|| (*body)()));
}

