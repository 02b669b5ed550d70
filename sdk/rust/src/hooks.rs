use crate::conn::Connection;
use crate::host::Host;
use crate::module::{guarded, text, Module};
use crate::request::Request;
use crate::status::{check, Answer, Error, Status};
use crate::sys::*;
use crate::tables::call;
use std::os::raw::{c_char, c_void};
use std::ptr;

/// Where among the others a hook runs, and what it may do.
#[derive(Clone)]
pub struct Order {
    position: i32,
    after: Vec<&'static str>,
    before: Vec<&'static str>,
    flags: u32,
}

macro_rules! positions {
    ($($(#[$comment:meta])* $name:ident = $value:ident;)*) => {
        $($(#[$comment])* pub const $name: Order = Order::at($value);)*
    };
}

impl Order {
    positions! {
        /// Before the others.
        FIRST = APUS_FIRST;
        /// Early.
        EARLY = APUS_EARLY;
        /// Where most stand.
        MIDDLE = APUS_MIDDLE;
        /// Late.
        LATE = APUS_LATE;
        /// After the others.
        LAST = APUS_LAST;
    }

    const fn at(position: i32) -> Order {
        Order { position, after: Vec::new(), before: Vec::new(), flags: 0 }
    }

    /// Modules it must follow.
    pub fn after(mut self, modules: &[&'static str]) -> Order {
        self.after.extend_from_slice(modules);
        self
    }

    /// Modules it must precede.
    pub fn before(mut self, modules: &[&'static str]) -> Order {
        self.before.extend_from_slice(modules);
        self
    }

    /// The hook runs on the pool of threads, where it may wait.
    pub fn may_block(mut self) -> Order {
        self.flags |= APUS_HOOK_MAY_BLOCK;
        self
    }

    /// The hook may return `Status::SUSPENDED`.
    pub fn may_suspend(mut self) -> Order {
        self.flags |= APUS_HOOK_MAY_SUSPEND;
        self
    }

    /// The hook also runs for `apus explain`, without any side effect then.
    pub fn explainable(mut self) -> Order {
        self.flags |= APUS_HOOK_EXPLAINABLE;
        self
    }

    /// Not for sub-requests and internal redirects.
    pub fn initial_only(mut self) -> Order {
        self.flags |= APUS_HOOK_INITIAL_ONLY;
        self
    }
}

/// What stands behind the ctx pointer of a hook.
struct Hook<M: Module, F> {
    host: Host<M>,
    body: F,
}

macro_rules! request_hooks {
    ($($(#[$comment:meta])* $name:ident = $hook:literal;)*) => {
        $(
            $(#[$comment])*
            pub fn $name<F>(&self, order: Order, body: F) -> Result<(), Error>
            where
                F: Fn(&Request<M>) -> Answer + Send + Sync + 'static,
            {
                self.request_hook($hook, order, body)
            }
        )*
    };
}

impl<M: Module> Host<M> {
    request_hooks! {
        /// The head is read, the virtual host known.
        post_read_request = "post_read_request";
        /// Before any look-up.
        quick_handler = "quick_handler";
        /// Path to file name.
        translate_name = "translate_name";
        /// File name to file and directory configuration.
        map_to_storage = "map_to_storage";
        /// The configuration is known.
        header_parser = "header_parser";
        /// By where the client is.
        access_checker = "access_checker";
        /// OK: let in without asking who; DECLINED: ask who it is.
        access_checker_ex = "access_checker_ex";
        /// Who the user is.
        check_user_id = "check_user_id";
        /// May this user do this.
        auth_checker = "auth_checker";
        /// Content type, language, encoding, handler.
        type_checker = "type_checker";
        /// Last changes before the handler.
        fixups = "fixups";
        /// Answers the request.
        handler = "handler";
        /// After the answer has been sent.
        log_transaction = "log_transaction";
    }

    fn request_hook<F>(&self, hook: &str, order: Order, body: F) -> Result<(), Error>
    where
        F: Fn(&Request<M>) -> Answer + Send + Sync + 'static,
    {
        let function: unsafe extern "C" fn(*mut c_void, *mut apus_req) -> apus_status = run_request::<M, F>;
        let ctx = self.boxed(body);
        unsafe { self.register(hook, "i(xR)", order, Some(std::mem::transmute::<_, unsafe extern "C" fn()>(function)), ctx) }
    }

    /// Adds filters to the request at hand.
    pub fn insert_filter<F>(&self, order: Order, body: F) -> Result<(), Error>
    where
        F: Fn(&Request<M>) + Send + Sync + 'static,
    {
        self.void_request_hook("insert_filter", order, body)
    }

    /// Last changes to the fields of an answer, whoever made it.
    pub fn response_head<F>(&self, order: Order, body: F) -> Result<(), Error>
    where
        F: Fn(&Request<M>) + Send + Sync + 'static,
    {
        self.void_request_hook("response_head", order, body)
    }

    fn void_request_hook<F>(&self, hook: &str, order: Order, body: F) -> Result<(), Error>
    where
        F: Fn(&Request<M>) + Send + Sync + 'static,
    {
        let function: unsafe extern "C" fn(*mut c_void, *mut apus_req) = run_void_request::<M, F>;
        let ctx = self.boxed(body);
        unsafe { self.register(hook, "v(xR)", order, Some(std::mem::transmute::<_, unsafe extern "C" fn()>(function)), ctx) }
    }

    /// A connection was accepted.
    pub fn pre_connection<F>(&self, order: Order, body: F) -> Result<(), Error>
    where
        F: Fn(&Connection<M>) -> Answer + Send + Sync + 'static,
    {
        let function: unsafe extern "C" fn(*mut c_void, *mut apus_conn) -> apus_status = run_connection::<M, F>;
        let ctx = self.boxed(body);
        let function = unsafe { std::mem::transmute::<_, unsafe extern "C" fn()>(function) };
        unsafe { self.register("pre_connection", "i(xC)", order, Some(function), ctx) }
    }

    /// Once a generation: open logs, keys, shared memory. `reason` is `APUS_OPEN_…`; with CHECK nothing may be made.
    pub fn open_config<F>(&self, body: F) -> Result<(), Error>
    where
        F: Fn(u32, u64) -> Result<(), Error> + Send + Sync + 'static,
    {
        let function: unsafe extern "C" fn(*mut c_void, u32, u64) -> apus_status = run_open::<M, F>;
        let ctx = self.boxed(body);
        let function = unsafe { std::mem::transmute::<_, unsafe extern "C" fn()>(function) };
        unsafe { self.register("open_config", "i(xuU)", Order::MIDDLE, Some(function), ctx) }
    }

    /// The configuration is read: look at it as a whole.
    pub fn check_config<F>(&self, body: F) -> Result<(), Error>
    where
        F: Fn() -> Result<(), Error> + Send + Sync + 'static,
    {
        let function: unsafe extern "C" fn(*mut c_void) -> apus_status = run_check::<M, F>;
        let ctx = self.boxed(body);
        let function = unsafe { std::mem::transmute::<_, unsafe extern "C" fn()>(function) };
        unsafe { self.register("check_config", "i(x)", Order::MIDDLE, Some(function), ctx) }
    }

    /// In each worker, after it dropped its privileges: threads may start here.
    pub fn child_init<F: Fn() + Send + Sync + 'static>(&self, body: F) -> Result<(), Error> {
        self.plain_hook("child_init", body)
    }

    /// In each worker, before it ends.
    pub fn child_exit<F: Fn() + Send + Sync + 'static>(&self, body: F) -> Result<(), Error> {
        self.plain_hook("child_exit", body)
    }

    /// Every module is attached: functions of others can be found.
    pub fn optional_functions<F: Fn() + Send + Sync + 'static>(&self, body: F) -> Result<(), Error> {
        self.plain_hook("optional_fn_retrieve", body)
    }

    fn plain_hook<F: Fn() + Send + Sync + 'static>(&self, hook: &str, body: F) -> Result<(), Error> {
        let function: unsafe extern "C" fn(*mut c_void) = run_plain::<M, F>;
        let ctx = self.boxed(body);
        unsafe { self.register(hook, "v(x)", Order::MIDDLE, Some(std::mem::transmute::<_, unsafe extern "C" fn()>(function)), ctx) }
    }

    fn boxed<F>(&self, body: F) -> *mut c_void {
        Box::into_raw(Box::new(Hook { host: *self, body })) as *mut c_void
    }

    /// Registers any hook by name: the way for hooks that other modules declare.
    ///
    /// # Safety
    /// The function has the type that the signature says, beginning with ctx.
    pub unsafe fn register(&self, hook: &str, signature: &str, order: Order, function: apus_fn, ctx: *mut c_void) -> Result<(), Error> {
        let after = names(&order.after);
        let before = names(&order.before);
        let registration = apus_hook_reg {
            size: std::mem::size_of::<apus_hook_reg>() as u32,
            position: order.position,
            hook: text(hook),
            signature: text(signature),
            fn_: function,
            ctx,
            after,
            before,
            flags: order.flags,
            reserved: 0,
        };
        check(call!(hooks.add(self.raw, &registration)), &format!("hook {}", hook)).map(|_| ())
    }
}

/// A NULL-terminated list that lives for ever; NULL when it is empty.
fn names(list: &[&'static str]) -> *const *const c_char {
    if list.is_empty() {
        return ptr::null();
    }
    let mut pointers: Vec<*const c_char> = list.iter().map(|name| text(name)).collect();
    pointers.push(ptr::null());
    Box::leak(pointers.into_boxed_slice()).as_ptr()
}

unsafe extern "C" fn run_request<M, F>(ctx: *mut c_void, r: *mut apus_req) -> apus_status
where
    M: Module,
    F: Fn(&Request<M>) -> Answer,
{
    let hook = &*(ctx as *const Hook<M, F>);
    guarded(hook.host.raw, r, || (hook.body)(&Request::new(r, hook.host)))
}

unsafe extern "C" fn run_void_request<M: Module, F: Fn(&Request<M>)>(ctx: *mut c_void, r: *mut apus_req) {
    let hook = &*(ctx as *const Hook<M, F>);
    guarded(hook.host.raw, r, || {
        (hook.body)(&Request::new(r, hook.host));
        Ok(Status::OK)
    });
}

unsafe extern "C" fn run_connection<M, F>(ctx: *mut c_void, c: *mut apus_conn) -> apus_status
where
    M: Module,
    F: Fn(&Connection<M>) -> Answer,
{
    let hook = &*(ctx as *const Hook<M, F>);
    guarded(hook.host.raw, ptr::null(), || (hook.body)(&Connection::new(c, hook.host)))
}

unsafe extern "C" fn run_open<M, F>(ctx: *mut c_void, reason: u32, generation: u64) -> apus_status
where
    M: Module,
    F: Fn(u32, u64) -> Result<(), Error>,
{
    let hook = &*(ctx as *const Hook<M, F>);
    guarded(hook.host.raw, ptr::null(), || (hook.body)(reason, generation).map(|_| Status::OK))
}

unsafe extern "C" fn run_check<M: Module, F: Fn() -> Result<(), Error>>(ctx: *mut c_void) -> apus_status {
    let hook = &*(ctx as *const Hook<M, F>);
    guarded(hook.host.raw, ptr::null(), || (hook.body)().map(|_| Status::OK))
}

unsafe extern "C" fn run_plain<M: Module, F: Fn()>(ctx: *mut c_void) {
    let hook = &*(ctx as *const Hook<M, F>);
    guarded(hook.host.raw, ptr::null(), || {
        (hook.body)();
        Ok(Status::OK)
    });
}
