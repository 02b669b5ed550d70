use crate::host::Server;
use crate::module::{panic_text, text, Module};
use crate::pool::Pool;
use crate::status::Error;
use crate::sys::*;
use crate::tables::{self, call};
use std::marker::PhantomData;
use std::os::raw::c_void;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// A module's configuration of a server or a section.
pub trait Conf: Default + Send + Sync + 'static {
    /// What holds where `self` stands inside `outer`.
    fn merge(&self, outer: &Self) -> Self;
}

impl Conf for () {
    fn merge(&self, _outer: &()) {}
}

/// One directive of a module.
pub struct Directive<M: Module> {
    name: &'static str,
    help: &'static str,
    min_args: u32,
    max_args: u32,
    scopes: u32,
    override_class: u32,
    flags: u32,
    shape: u32,
    handle: Handle<M>,
}

type Handle<M> = Box<dyn Fn(&Command<M>, &Words) -> Result<(), Error> + Send + Sync>;

/// The words of a directive; valid during the call.
pub type Words<'a> = Vec<&'a [u8]>;

impl<M: Module> Directive<M> {
    /// A directive of `min` to `max` words that may stand anywhere, also in .htaccess under AllowOverride FileInfo.
    pub fn words(
        name: &'static str,
        range: std::ops::RangeInclusive<u32>,
        help: &'static str,
        handle: impl Fn(&Command<M>, &Words) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Self {
        Directive {
            name,
            help,
            min_args: *range.start(),
            max_args: *range.end(),
            scopes: APUS_IN_ANY,
            override_class: APUS_OVERRIDE_FILEINFO,
            flags: APUS_DIRECTIVE_DIR_CONF,
            shape: APUS_SHAPE_ARGS,
            handle: Box::new(handle),
        }
    }

    /// A directive of one word.
    pub fn one(
        name: &'static str,
        help: &'static str,
        handle: impl Fn(&Command<M>, &Words) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Self {
        Self::words(name, 1..=1, help, handle)
    }

    /// A directive that is On or Off.
    pub fn flag(
        name: &'static str,
        help: &'static str,
        handle: impl Fn(&Command<M>, bool) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Self {
        let directive = Self::one(name, help, move |command, words| handle(command, words[0] == b"On"));
        Directive { shape: APUS_SHAPE_FLAG, ..directive }
    }

    /// Where it may stand: `APUS_IN_…`. Without a section it is a directive of servers.
    pub fn scopes(mut self, scopes: u32) -> Self {
        self.scopes = scopes;
        if scopes & (APUS_IN_SECTIONS | APUS_IN_HTACCESS) == 0 {
            self.flags &= !APUS_DIRECTIVE_DIR_CONF;
        }
        self
    }

    /// The class of AllowOverride that admits it in .htaccess: `APUS_OVERRIDE_…`.
    pub fn override_class(mut self, class: u32) -> Self {
        self.override_class = class;
        self
    }

    /// Further flags: `APUS_DIRECTIVE_…`.
    pub fn flags(mut self, flags: u32) -> Self {
        self.flags |= flags;
        self
    }

    /// How its words are given: `APUS_SHAPE_…`.
    pub fn shape(mut self, shape: u32) -> Self {
        self.shape = shape;
        self
    }
}

/// The directive being handled.
pub struct Command<'c, M: Module> {
    raw: *const apus_cmd,
    life: PhantomData<(&'c (), M)>,
}

impl<'c, M: Module> Command<'c, M> {
    /// The configuration of the directory, location or server that it stands in.
    #[allow(clippy::mut_from_ref)] // The host hands out one at a time, while one thread reads the configuration.
    pub fn dir(&self) -> &'c mut M::Dir {
        unsafe { &mut *(call!(config.dir_conf(self.raw)) as *mut M::Dir) }
    }

    /// The configuration of its server.
    #[allow(clippy::mut_from_ref)]
    pub fn server_conf(&self) -> &'c mut M::Server {
        unsafe { &mut *(call!(config.server_conf(self.raw)) as *mut M::Server) }
    }

    /// The server it belongs to.
    pub fn server(&self) -> Server<M> {
        Server::new(call!(config.server(self.raw)))
    }

    /// Its name as written.
    pub fn name(&self) -> &'c [u8] {
        unsafe { tables::bytes(call!(config.name(self.raw))) }.unwrap_or(b"")
    }

    /// The file and line it stands at.
    pub fn location(&self) -> (&'c [u8], u32) {
        let mut line = 0;
        let file = call!(config.location(self.raw, &mut line));
        (unsafe { tables::bytes(file) }.unwrap_or(b""), line)
    }

    /// Memory that lives as long as the configuration.
    pub fn pool(&self) -> Pool<'c> {
        Pool::new(call!(config.pool(self.raw)))
    }

    /// A path made absolute against ServerRoot.
    pub fn resolve(&self, path: &[u8]) -> &'c [u8] {
        unsafe { tables::bytes(call!(config.resolve(self.raw, tables::str(path)))) }.unwrap_or(b"")
    }

    /// Reports something legal that is probably wrong.
    pub fn warn(&self, message: &str) {
        call!(config.warn(self.raw, tables::str(message.as_bytes())))
    }
}

/// What stands behind the data of a row.
struct Row<M: Module> {
    handle: Handle<M>,
}

pub(crate) fn row<M: Module>(directive: Directive<M>) -> apus_directive {
    apus_directive {
        name: text(directive.name),
        min_args: directive.min_args,
        max_args: directive.max_args,
        where_: directive.scopes,
        override_class: directive.override_class,
        flags: directive.flags,
        shape: directive.shape,
        handle: Some(handle::<M>),
        help: text(directive.help),
        data: Box::into_raw(Box::new(Row { handle: directive.handle })) as *mut c_void,
    }
}

unsafe extern "C" fn handle<M: Module>(
    _ctx: *mut c_void,
    cmd: *const apus_cmd,
    _conf: *mut c_void,
    argv: *const apus_str,
    argc: u32,
) -> apus_status {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let row = &*(call!(config.data(cmd)) as *const Row<M>);
        let words: Words = (0..argc as usize).map(|index| tables::bytes(*argv.add(index)).unwrap_or(b"")).collect();
        (row.handle)(&Command { raw: cmd, life: PhantomData }, &words)
    }));
    let message = match outcome {
        Ok(Ok(())) => return APUS_OK,
        Ok(Err(error)) => error.message,
        Err(payload) => format!("panic: {}", panic_text(&*payload)),
    };
    call!(config.fail(cmd, tables::str(message.as_bytes())))
}

pub(crate) fn operations<C: Conf>() -> *const apus_conf_ops {
    if std::any::TypeId::of::<C>() == std::any::TypeId::of::<()>() {
        return std::ptr::null();
    }
    let size = std::mem::size_of::<apus_conf_ops>() as u32;
    Box::leak(Box::new(apus_conf_ops { size, flags: 0, create: Some(create::<C>), merge: Some(merge::<C>) }))
}

unsafe extern "C" fn create<C: Conf>(_ctx: *mut c_void, pool: *mut apus_pool, _scope: *const apus_scope) -> *mut c_void {
    Pool::new(pool).place(C::default()) as *mut c_void
}

unsafe extern "C" fn merge<C: Conf>(
    _ctx: *mut c_void,
    pool: *mut apus_pool,
    base: *const c_void,
    over: *const c_void,
) -> *mut c_void {
    let (base, over) = (&*(base as *const C), &*(over as *const C));
    Pool::new(pool).place(over.merge(base)) as *mut c_void
}
