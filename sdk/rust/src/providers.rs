use crate::host::Host;
use crate::module::{guarded, Module};
use crate::pool::Pool;
use crate::request::Request;
use crate::status::{Error, Status};
use crate::sys::*;
use crate::tables::{self, call};
use std::os::raw::c_void;
use std::ptr;

/// Whether a password is the user's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Passwords {
    /// The user is known, the password is another.
    Denied,
    /// It is the user's.
    Granted,
    /// No such user here: the next provider is asked.
    NotFound,
}

/// Who knows passwords: what AuthBasicProvider names.
pub trait Users<M: Module>: Send + Sync + 'static {
    /// Whether it is the user's password. On the loop: at once.
    fn check(&self, request: &Request<M>, user: &[u8], password: &[u8]) -> Result<Passwords, Error>;
}

/// What `Require NAME …` asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Requirement {
    /// Not let in.
    Denied,
    /// Let in.
    Granted,
    /// Does not decide.
    Neutral,
    /// Denied as long as no user is known: ask who it is.
    NeedsUser,
}

/// Small objects, found by an id: a provider of group socache/1. All of it on the loop, at once.
pub trait Cache: Send + Sync + 'static {
    /// Keeps `data` under `id` until `expires` (microseconds since 1970).
    fn store(&self, id: &[u8], expires: i64, data: &[u8]) -> Result<(), Error>;
    /// What was stored under `id`, and has not expired.
    fn retrieve(&self, id: &[u8]) -> Option<Vec<u8>>;
    /// Forgets an object.
    fn remove(&self, id: &[u8]);
    /// Pairs of a name and a value about the cache.
    fn facts(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

struct Provider<M: Module, P> {
    host: Host<M>,
    body: P,
}

impl<M: Module> Host<M> {
    /// Offers who knows passwords, under the name that AuthBasicProvider uses.
    pub fn users(&self, name: &str, users: impl Users<M>) -> Result<(), Error> {
        self.users_table(name, users)
    }

    fn users_table<U: Users<M>>(&self, name: &str, users: U) -> Result<(), Error> {
        let table = apus_authn_v1 {
            size: std::mem::size_of::<apus_authn_v1>() as u32,
            flags: 0,
            check_password: Some(check_password::<M, U>),
            realm_hash: None,
        };
        let ctx = Box::into_raw(Box::new(Provider { host: *self, body: users })) as *mut c_void;
        unsafe { self.provide(APUS_GROUP_AUTHN, name, table, ctx) }
    }

    /// Offers what `Require NAME …` asks: `parse` makes of the words after the name what `decide` gets.
    pub fn requirement<T, P, D>(&self, name: &str, parse: P, decide: D) -> Result<(), Error>
    where
        T: Send + Sync + 'static,
        P: Fn(&[u8]) -> Result<T, Error> + Send + Sync + 'static,
        D: Fn(&Request<M>, &T) -> Result<Requirement, Error> + Send + Sync + 'static,
    {
        let table = apus_authz_v1 {
            size: std::mem::size_of::<apus_authz_v1>() as u32,
            flags: 0,
            parse: Some(parse_requirement::<M, T, P, D>),
            check: Some(check_requirement::<M, T, P, D>),
            defer: None,
        };
        let body = (parse, decide, std::marker::PhantomData::<fn() -> T>);
        let ctx = Box::into_raw(Box::new(Provider { host: *self, body })) as *mut c_void;
        unsafe { self.provide(APUS_GROUP_AUTHZ, name, table, ctx) }
    }

    /// Offers a cache: `make` gets what follows the colon in its user's directive. `flags`: `APUS_SOCACHE_…`.
    pub fn cache<C, F>(&self, name: &str, flags: u32, make: F) -> Result<(), Error>
    where
        C: Cache,
        F: Fn(&[u8]) -> Result<C, Error> + Send + Sync + 'static,
    {
        let table = apus_socache_v1 {
            size: std::mem::size_of::<apus_socache_v1>() as u32,
            flags,
            make: Some(make_cache::<M, C, F>),
            open: Some(open_cache),
            store: Some(store::<M, C>),
            retrieve: Some(retrieve::<M, C>),
            remove: Some(remove::<M, C>),
            status: Some(facts::<M, C>),
            close: Some(close_cache::<M, C>),
        };
        let ctx = Box::into_raw(Box::new(Provider { host: *self, body: make })) as *mut c_void;
        unsafe { self.provide(APUS_GROUP_SOCACHE, name, table, ctx) }
    }
}

unsafe extern "C" fn check_password<M: Module, U: Users<M>>(
    ctx: *mut c_void,
    r: *mut apus_req,
    user: apus_str,
    password: apus_str,
    _work: *mut apus_work,
) -> apus_status {
    let provider = &*(ctx as *const Provider<M, U>);
    guarded(provider.host.raw, r, || {
        let (user, password) = (tables::bytes(user).unwrap_or(b""), tables::bytes(password).unwrap_or(b""));
        Ok(Status(match provider.body.check(&Request::new(r, provider.host), user, password)? {
            Passwords::Denied => APUS_AUTHN_DENIED,
            Passwords::Granted => APUS_AUTHN_GRANTED,
            Passwords::NotFound => APUS_AUTHN_NOT_FOUND,
        }))
    })
}

type Rules<T, P, D> = (P, D, std::marker::PhantomData<fn() -> T>);

unsafe extern "C" fn parse_requirement<M, T, P, D>(
    ctx: *mut c_void,
    cmd: *const apus_cmd,
    arguments: apus_str,
    parsed: *mut *mut c_void,
) -> apus_status
where
    M: Module,
    T: 'static,
    P: Fn(&[u8]) -> Result<T, Error>,
{
    let provider = &*(ctx as *const Provider<M, Rules<T, P, D>>);
    match (provider.body.0)(tables::bytes(arguments).unwrap_or(b"")) {
        Ok(value) => {
            *parsed = Pool::new(call!(config.pool(cmd))).place(value) as *mut c_void;
            APUS_OK
        }
        Err(error) => call!(config.fail(cmd, tables::str(error.message.as_bytes()))),
    }
}

unsafe extern "C" fn check_requirement<M, T, P, D>(ctx: *mut c_void, r: *mut apus_req, parsed: *mut c_void) -> apus_status
where
    M: Module,
    D: Fn(&Request<M>, &T) -> Result<Requirement, Error>,
{
    let provider = &*(ctx as *const Provider<M, Rules<T, P, D>>);
    guarded(provider.host.raw, r, || {
        Ok(Status(match (provider.body.1)(&Request::new(r, provider.host), &*(parsed as *const T))? {
            Requirement::Denied => APUS_AUTHZ_DENIED,
            Requirement::Granted => APUS_AUTHZ_GRANTED,
            Requirement::Neutral => APUS_AUTHZ_NEUTRAL,
            Requirement::NeedsUser => APUS_AUTHZ_NEEDS_USER,
        }))
    })
}

unsafe extern "C" fn make_cache<M, C, F>(ctx: *mut c_void, cmd: *const apus_cmd, argument: apus_str, cache: *mut *mut c_void) -> apus_status
where
    M: Module,
    C: Cache,
    F: Fn(&[u8]) -> Result<C, Error>,
{
    let provider = &*(ctx as *const Provider<M, F>);
    match (provider.body)(tables::bytes(argument).unwrap_or(b"")) {
        Ok(made) => {
            *cache = Box::into_raw(Box::new(Provider { host: provider.host, body: made })) as *mut c_void;
            APUS_OK
        }
        Err(error) => call!(config.fail(cmd, tables::str(error.message.as_bytes()))),
    }
}

unsafe extern "C" fn open_cache(_cache: *mut c_void, _name: apus_str, _hints: *const apus_socache_hints, _reason: u32) -> apus_status {
    APUS_OK
}

unsafe extern "C" fn store<M: Module, C: Cache>(cache: *mut c_void, id: apus_str, expires: i64, data: apus_str) -> apus_status {
    let cache = &*(cache as *const Provider<M, C>);
    guarded(cache.host.raw, ptr::null(), || {
        cache.body.store(tables::bytes(id).unwrap_or(b""), expires, tables::bytes(data).unwrap_or(b"")).map(|_| Status::OK)
    })
}

unsafe extern "C" fn retrieve<M: Module, C: Cache>(
    cache: *mut c_void,
    id: apus_str,
    pool: *mut apus_pool,
    data: *mut apus_str,
    _done: apus_socache_done_fn,
    _done_ctx: *mut c_void,
) -> apus_status {
    let cache = &*(cache as *const Provider<M, C>);
    guarded(cache.host.raw, ptr::null(), || {
        Ok(match cache.body.retrieve(tables::bytes(id).unwrap_or(b"")) {
            Some(found) => {
                *data = call!(pool.dup(pool, tables::str(&found)));
                Status::OK
            }
            None => Status(APUS_E_NOT_FOUND),
        })
    })
}

unsafe extern "C" fn remove<M: Module, C: Cache>(cache: *mut c_void, id: apus_str) -> apus_status {
    let cache = &*(cache as *const Provider<M, C>);
    guarded(cache.host.raw, ptr::null(), || {
        cache.body.remove(tables::bytes(id).unwrap_or(b""));
        Ok(Status::OK)
    })
}

unsafe extern "C" fn facts<M: Module, C: Cache>(
    cache: *mut c_void,
    fact: Option<unsafe extern "C" fn(*mut c_void, apus_str, apus_str)>,
    arg: *mut c_void,
) {
    let cache = &*(cache as *const Provider<M, C>);
    guarded(cache.host.raw, ptr::null(), || {
        if let Some(fact) = fact {
            for (name, value) in cache.body.facts() {
                fact(arg, tables::str(name.as_bytes()), tables::str(value.as_bytes()));
            }
        }
        Ok(Status::OK)
    });
}

unsafe extern "C" fn close_cache<M: Module, C: Cache>(cache: *mut c_void) {
    drop(Box::from_raw(cache as *mut Provider<M, C>));
}

