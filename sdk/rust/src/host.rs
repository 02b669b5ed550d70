use crate::conn::Connection;
use crate::log::{self, Level};
use crate::module::{text, Module};
use crate::pool::Pool;
use crate::request::Request;
use crate::status::{check, Error, Status};
use crate::sys::*;
use crate::tables::{self, call};
use std::marker::PhantomData;
use std::os::raw::c_void;
use std::ptr;

/// The host as a module sees it.
pub struct Host<M: Module> {
    pub(crate) raw: *const apus_host,
    module: PhantomData<fn() -> M>,
}

// The handle is valid for ever, and each of its functions says where it may be called.
unsafe impl<M: Module> Send for Host<M> {}
unsafe impl<M: Module> Sync for Host<M> {}

impl<M: Module> Clone for Host<M> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<M: Module> Copy for Host<M> {}

impl<M: Module> Host<M> {
    pub(crate) fn new(raw: *const apus_host) -> Self {
        Host { raw, module: PhantomData }
    }

    /// The handle as the contract knows it, for calls that this crate does not wrap.
    pub fn raw(&self) -> *const apus_host {
        self.raw
    }

    /// Writes a line to the error log of the server.
    pub fn log(&self, level: Level, message: impl Fn() -> String) {
        log::write(self.raw, level, ptr::null(), ptr::null(), &message)
    }

    /// The main server and, after it, the virtual hosts.
    pub fn servers(&self) -> Vec<Server<M>> {
        let mut all = Vec::new();
        let mut next = call!(server.first(self.raw));
        while !next.is_null() {
            all.push(Server::new(next));
            next = call!(server.next(next));
        }
        all
    }

    /// A fact of the process: `APUS_P_SERVER_ROOT`, `APUS_P_VERSION`.
    pub fn text(&self, fact: u32) -> &'static [u8] {
        unsafe { tables::bytes(call!(server.process(self.raw, fact))) }.unwrap_or(b"")
    }

    /// A number of the process: `APUS_P_WORKER` and the like.
    pub fn number(&self, fact: u32) -> i64 {
        call!(server.process_number(self.raw, fact))
    }

    /// Microseconds since 1970, as of this turn of the loop.
    pub fn now(&self) -> i64 {
        self.number(APUS_P_NOW_US)
    }

    /// Memory that lives as long as the configuration.
    pub fn pool(&self) -> Pool<'static> {
        Pool::new(call!(server.pool(self.raw)))
    }

    /// Offers a vtable under a name in a group. Wrappers: [`Host::users`], [`Host::requirement`], [`Host::cache`].
    ///
    /// # Safety
    /// The vtable is of the group's type, and its functions bear `ctx`.
    pub unsafe fn provide<T>(&self, group: &[u8], name: &str, table: T, ctx: *mut c_void) -> Result<(), Error> {
        let table: *const T = Box::leak(Box::new(table));
        let name_text = tables::str(name.as_bytes());
        let status = call!(providers.provide(self.raw, group.as_ptr() as *const _, name_text, table as *const c_void, ctx));
        check(status, &format!("provider {}", name)).map(|_| ())
    }

    /// Offers a function to other modules under a name such as "greet.count".
    ///
    /// # Safety
    /// The function has the type that the signature says, beginning with ctx.
    pub unsafe fn publish(&self, name: &str, signature: &str, function: apus_fn, ctx: *mut c_void) -> Result<(), Error> {
        let status = call!(functions.publish(self.raw, text(name), text(signature), function, ctx));
        check(status, &format!("function {}", name)).map(|_| ())
    }

    /// Finds a function of another module, from the hook `optional_functions` on. An error: it has another signature,
    /// which the log shows.
    pub fn function(&self, name: &str, signature: &str) -> Result<Option<apus_link>, Error> {
        let mut link = apus_link { fn_: None, ctx: ptr::null_mut(), flags: 0, reserved: 0 };
        match call!(functions.find(self.raw, text(name), text(signature), &mut link)) {
            APUS_E_NOT_FOUND => Ok(None),
            status => check(status, &format!("function {}", name)).map(|_| Some(link)),
        }
    }

    /// A variable of expressions: `%{NAME}`. The value is copied into the request's memory.
    pub fn variable<F>(&self, name: &str, value: F) -> Result<(), Error>
    where
        F: Fn(&Request<M>, &[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    {
        let ctx = Box::into_raw(Box::new(Expression { host: *self, value })) as *mut c_void;
        let name_text = tables::str(name.as_bytes());
        let status = call!(expr.add_variable(self.raw, name_text, 0, Some(expression::<M, F>), ctx));
        check(status, &format!("variable {}", name)).map(|_| ())
    }

    /// A function of one string in expressions: `NAME(…)`.
    pub fn expression_function<F>(&self, name: &str, value: F) -> Result<(), Error>
    where
        F: Fn(&Request<M>, &[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    {
        let ctx = Box::into_raw(Box::new(Expression { host: *self, value })) as *mut c_void;
        let name_text = tables::str(name.as_bytes());
        let status = call!(expr.add_function(self.raw, name_text, 0, Some(expression::<M, F>), ctx));
        check(status, &format!("function {}", name)).map(|_| ())
    }

    /// Zeroed memory that all workers of this generation share, at the same address. From `open_config`.
    pub fn shared(&self, name: &str, bytes: usize) -> Result<Shared, Error> {
        let mut segment = ptr::null_mut();
        check(call!(shm.create(self.raw, text(name), bytes, &mut segment)), &format!("shared memory {}", name))?;
        Ok(Shared { start: call!(shm.base(segment)) as *mut u8, length: bytes })
    }

    /// Calls `body` once after so many microseconds, on the worker's loop. From `child_init` on.
    pub fn after(&self, microseconds: u64, body: impl FnOnce() + 'static) -> Result<(), Error> {
        crate::tasks::timer(ptr::null_mut(), microseconds, body).map(|_| ())
    }
}

struct Expression<M: Module, F> {
    host: Host<M>,
    value: F,
}

unsafe extern "C" fn expression<M, F>(ctx: *mut c_void, r: *mut apus_req, name: apus_str, out: *mut apus_str) -> apus_status
where
    M: Module,
    F: Fn(&Request<M>, &[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
{
    let expression = &*(ctx as *const Expression<M, F>);
    crate::module::guarded(expression.host.raw, r, || {
        let request = Request::<M>::new(r, expression.host);
        Ok(match (expression.value)(&request, tables::bytes(name).unwrap_or(b"")) {
            Some(value) => {
                *out = tables::str(request.pool().copy(&value));
                Status::OK
            }
            None => Status::DECLINED,
        })
    })
}

/// The main server or a virtual host.
pub struct Server<M: Module> {
    raw: *const apus_server,
    module: PhantomData<fn() -> M>,
}

impl<M: Module> Server<M> {
    pub(crate) fn new(raw: *const apus_server) -> Self {
        Server { raw, module: PhantomData }
    }

    /// One of its strings: `APUS_S_NAME` and the like.
    pub fn text(&self, field: u32) -> &'static [u8] {
        unsafe { tables::bytes(call!(server.get(self.raw, field))) }.unwrap_or(b"")
    }

    /// One of its numbers: `APUS_S_PORT` and the like.
    pub fn number(&self, field: u32) -> i64 {
        call!(server.number(self.raw, field))
    }

    /// The module's configuration of the server. From `check_config` on, when it is merged.
    pub fn conf(&self, host: &Host<M>) -> &'static M::Server {
        unsafe { conf(call!(server.conf(self.raw, host.raw))) }
    }
}

/// A configuration behind a pointer of the host; `()` needs none.
pub(crate) unsafe fn conf<'a, C>(raw: *const c_void) -> &'a C {
    if std::mem::size_of::<C>() == 0 {
        return &*ptr::NonNull::dangling().as_ptr();
    }
    assert!(!raw.is_null(), "there is no configuration of this kind here");
    &*(raw as *const C)
}

/// Memory that workers share. What lies in it are plain numbers: no references, nothing that is dropped.
#[derive(Clone, Copy)]
pub struct Shared {
    start: *mut u8,
    length: usize,
}

unsafe impl Send for Shared {}
unsafe impl Sync for Shared {}

impl Shared {
    /// A counter at an offset that is a multiple of 8. None: it does not lie inside.
    pub fn counter(&self, offset: usize) -> Option<&'static std::sync::atomic::AtomicI64> {
        if offset % 8 != 0 || offset.checked_add(8)? > self.length {
            return None;
        }
        Some(unsafe { &*(self.start.add(offset) as *const std::sync::atomic::AtomicI64) })
    }

    /// Where it begins.
    pub fn start(&self) -> *mut u8 {
        self.start
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Makes a lock at an offset. From `open_config`.
    pub fn lock(&self, offset: usize) -> Result<Lock, Error> {
        if offset % 16 != 0 || offset.checked_add(call!(mutex.bytes())).map_or(true, |end| end > self.length) {
            return Err(Error::from("the lock does not lie inside the shared memory"));
        }
        let mut raw = ptr::null_mut();
        check(call!(mutex.init(self.start.add(offset) as *mut c_void, &mut raw)), "cannot make a lock")?;
        Ok(Lock { raw })
    }

    /// Bytes that a lock takes.
    pub fn lock_size() -> usize {
        call!(mutex.bytes())
    }
}

/// A lock between workers.
pub struct Lock {
    raw: *mut apus_mutex,
}

unsafe impl Send for Lock {}
unsafe impl Sync for Lock {}

impl Lock {
    /// Runs `body` with the lock held. `recovered`: its last owner died holding it.
    pub fn with<R>(&self, body: impl FnOnce(bool) -> R) -> R {
        struct Unlock(*mut apus_mutex);
        impl Drop for Unlock {
            fn drop(&mut self) {
                call!(mutex.unlock(self.0))
            }
        }
        let recovered = call!(mutex.lock(self.raw)) == APUS_RECOVERED;
        let _held = Unlock(self.raw);
        body(recovered)
    }
}

impl<M: Module> Host<M> {
    pub(crate) fn connection<'c>(&self, raw: *mut apus_conn) -> Connection<'c, M> {
        Connection::new(raw, *self)
    }
}

/// The leader, and messages between all processes of a generation.
impl<M: Module> Host<M> {
    /// Has the leader look at a file about once a second; `changed` runs there. From `open_config`, never with CHECK.
    pub fn watch_file(&self, path: &str, changed: impl Fn() + 'static) -> Result<(), Error> {
        let boxed: Box<Box<dyn Fn()>> = Box::new(Box::new(changed));
        let ctx = Box::into_raw(boxed) as *mut c_void;
        let status = call!(leader.watch_file(self.raw, tables::str(path.as_bytes()), Some(file_changed), ctx));
        check(status, &format!("cannot watch {}", path)).map(|_| ())
    }

    /// Says who gets the module's messages, in every process: their name and bytes. From `attach`.
    pub fn on_message(&self, receive: impl Fn(&[u8], &[u8]) + 'static) -> Result<(), Error> {
        let boxed: Box<Box<dyn Fn(&[u8], &[u8])>> = Box::new(Box::new(receive));
        let ctx = Box::into_raw(boxed) as *mut c_void;
        check(call!(leader.on_message(self.raw, Some(message_came), ctx)), "cannot take messages").map(|_| ())
    }

    /// Sends a message to all processes of this generation, the sender included. In the leader, or on a worker's loop.
    pub fn broadcast(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let status = call!(leader.broadcast(self.raw, tables::str(name.as_bytes()), tables::str(bytes)));
        check(status, "cannot send a message").map(|_| ())
    }

    /// Asks to be the one worker that does a kind of work for all; ask again every two seconds. On a worker's loop.
    pub fn holds_lease(&self, name: &str) -> bool {
        call!(leader.lease(self.raw, tables::str(name.as_bytes()))) == APUS_OK
    }
}

unsafe extern "C" fn file_changed(ctx: *mut c_void, _path: apus_str) {
    let body = &*(ctx as *const Box<dyn Fn()>);
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
}

unsafe extern "C" fn message_came(ctx: *mut c_void, name: apus_str, message: apus_str) {
    let body = &*(ctx as *const Box<dyn Fn(&[u8], &[u8])>);
    let (name, message) = (tables::bytes(name).unwrap_or(b""), tables::bytes(message).unwrap_or(b""));
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body(name, message)));
}
