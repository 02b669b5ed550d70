use crate::body::Chain;
use crate::conn::Connection;
use crate::host::{conf, Host, Server};
use crate::log::{self, Level};
use crate::module::Module;
use crate::pool::Pool;
use crate::status::{check, Answer, Error, Status};
use crate::sys::*;
use crate::tables::{self, call};
use std::any::Any;
use std::marker::PhantomData;
use std::os::raw::c_void;
use std::ptr;

/// One request. Strings live as long as it does, whatever changes later.
pub struct Request<'r, M: Module> {
    pub(crate) raw: *mut apus_req,
    pub(crate) host: Host<M>,
    life: PhantomData<&'r ()>,
}

macro_rules! strings {
    ($($(#[$comment:meta])* $name:ident = $field:ident;)*) => {
        $($(#[$comment])* pub fn $name(&self) -> &'r [u8] { self.text($field).unwrap_or(b"") })*
    };
}

impl<'r, M: Module> Request<'r, M> {
    pub(crate) fn new(raw: *mut apus_req, host: Host<M>) -> Self {
        Request { raw, host, life: PhantomData }
    }

    /// The handle as the contract knows it, for calls that this crate does not wrap.
    pub fn raw(&self) -> *mut apus_req {
        self.raw
    }

    /// The host that the hook was registered with.
    pub fn host(&self) -> &Host<M> {
        &self.host
    }

    strings! {
        /// As the client wrote it: "GET".
        method = APUS_R_METHOD;
        /// The request target as the client sent it.
        target = APUS_R_TARGET;
        /// The decoded, normalised path.
        path = APUS_R_PATH;
        /// "HTTP/1.1".
        protocol = APUS_R_PROTOCOL;
        /// "http" or "https".
        scheme = APUS_R_SCHEME;
        /// The host asked for, in lower case, without port.
        host_name = APUS_R_HOST;
        /// The file it stands for.
        filename = APUS_R_FILENAME;
        /// What followed the file in the path.
        path_info = APUS_R_PATH_INFO;
        /// What SetHandler and its kin say.
        handler = APUS_R_HANDLER;
        /// The type of the answer.
        content_type = APUS_R_CONTENT_TYPE;
        /// The user that was found out.
        user = APUS_R_USER;
        /// The client's address.
        peer_address = APUS_R_PEER_ADDRESS;
    }

    /// What follows the question mark; None: there was none.
    pub fn query(&self) -> Option<&'r [u8]> {
        self.text(APUS_R_QUERY)
    }

    /// Any of its strings: `APUS_R_…`.
    pub fn text(&self, field: u32) -> Option<&'r [u8]> {
        unsafe { tables::bytes(call!(request.get(self.raw, field))) }
    }

    /// Sets one of the strings that may be set.
    pub fn set_text(&self, field: u32, value: &[u8]) -> Result<(), Error> {
        check(call!(request.set(self.raw, field, tables::str(value))), "cannot set a field of the request").map(|_| ())
    }

    /// Any of its numbers: `APUS_R_…`.
    pub fn number(&self, field: u32) -> i64 {
        call!(request.number(self.raw, field))
    }

    /// Sets one of the numbers that may be set.
    pub fn set_number(&self, field: u32, value: i64) -> Result<(), Error> {
        check(call!(request.set_number(self.raw, field, value)), "cannot set a number of the request").map(|_| ())
    }

    /// Whether it is asked with HEAD.
    pub fn is_head(&self) -> bool {
        self.number(APUS_R_HEADER_ONLY) != 0
    }

    /// Whether it is a request inside the server.
    pub fn is_subrequest(&self) -> bool {
        self.number(APUS_R_IS_SUBREQUEST) != 0
    }

    /// The module's merged configuration of the place that the request is for.
    pub fn dir_conf(&self) -> &'r M::Dir {
        unsafe { conf(call!(request.dir_conf(self.raw, self.host.raw))) }
    }

    /// The module's configuration of the request's server.
    pub fn server_conf(&self) -> &'r M::Server {
        unsafe { conf(call!(request.server_conf(self.raw, self.host.raw))) }
    }

    /// The request's server.
    pub fn server(&self) -> Server<M> {
        Server::new(call!(request.server(self.raw)))
    }

    /// The connection it came by.
    pub fn connection(&self) -> Connection<'r, M> {
        self.host.connection(call!(request.conn(self.raw)))
    }

    /// Memory that lives until the request has been logged.
    pub fn pool(&self) -> Pool<'r> {
        Pool::new(call!(request.pool(self.raw)))
    }

    /// What the module keeps with the request: None when nothing of that type is.
    pub fn slot<T: 'static>(&self) -> Option<&'r T> {
        let slot = call!(request.slot(self.raw, self.host.raw)) as *const Box<dyn Any>;
        unsafe { slot.as_ref() }.and_then(|value| value.downcast_ref())
    }

    /// Keeps a value with the request, in place of what was there.
    pub fn set_slot<T: 'static>(&self, value: T) -> Result<(), Error> {
        let boxed: Box<dyn Any> = Box::new(value);
        let place = self.pool().keep(boxed).ok_or("no memory")?;
        call!(request.set_slot(self.raw, self.host.raw, place as *const _ as *mut c_void));
        Ok(())
    }

    /// The fields that the client sent.
    pub fn headers_in(&self) -> Fields<'r> {
        Fields::new(self.raw, APUS_HEADERS_IN)
    }

    /// The fields of the answer.
    pub fn headers_out(&self) -> Fields<'r> {
        Fields::new(self.raw, APUS_HEADERS_OUT)
    }

    /// Fields that are sent even with an error page.
    pub fn error_headers_out(&self) -> Fields<'r> {
        Fields::new(self.raw, APUS_HEADERS_ERR)
    }

    /// Messages between modules.
    pub fn notes(&self) -> Fields<'r> {
        Fields::new(self.raw, APUS_HEADERS_NOTES)
    }

    /// The environment of the request.
    pub fn environment(&self) -> Fields<'r> {
        Fields::new(self.raw, APUS_HEADERS_ENV)
    }

    /// A whole answer in one call; return its value from the handler.
    pub fn reply(&self, status: i32, content_type: &str, body: &[u8]) -> Answer {
        let kind = tables::str(content_type.as_bytes());
        check(call!(body.reply(self.raw, status, kind, tables::str(body))), "cannot reply")
    }

    /// An empty chain for the request. An error: memory is gone.
    pub fn chain(&self) -> Result<Chain<'r>, Error> {
        let raw = call!(body.chain(call!(request.pool(self.raw))));
        if raw.is_null() {
            return Err(Error::new(Status(APUS_E_NOMEM), "no memory for a chain"));
        }
        Ok(Chain::new(raw))
    }

    /// Reads up to `max` bytes of the request's body onto the end of a chain. `Status::AGAIN`: none is there yet; on a
    /// pool thread it waits instead.
    pub fn read(&self, max: usize, chain: &mut Chain) -> Status {
        Status(call!(body.read(self.raw, max, chain.raw)))
    }

    /// Reads the whole body, of at most `limit` bytes. Only in a hook that may block.
    pub fn read_all(&self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut collected = Vec::new();
        let mut chain = self.chain()?;
        loop {
            let status = self.read(65536, &mut chain);
            if status != Status::OK {
                return Err(Error::new(status, "the body cannot be read"));
            }
            while let Some(segment) = chain.first() {
                if segment.is_end() {
                    return Ok(collected);
                }
                collected.extend_from_slice(segment.data());
                if collected.len() > limit {
                    return Err(Error::new(Status::http(413), ""));
                }
                chain.drop_first();
            }
        }
    }

    /// Sends a chain through the output filters. `Status::AGAIN`: taken, but wait before sending more.
    pub fn write(&self, chain: &mut Chain) -> Status {
        Status(call!(body.write(self.raw, chain.raw)))
    }

    /// Puts a registered filter on the request.
    pub fn add_output_filter(&self, name: &str) -> Result<(), Error> {
        self.add_filter(APUS_OUTPUT, name)
    }

    /// Puts a registered input filter on the request.
    pub fn add_input_filter(&self, name: &str) -> Result<(), Error> {
        self.add_filter(APUS_INPUT, name)
    }

    fn add_filter(&self, direction: u32, name: &str) -> Result<(), Error> {
        let status = call!(filters.insert(self.raw, direction, tables::str(name.as_bytes())));
        check(status, &format!("filter {}", name)).map(|_| ())
    }

    /// Answers with a request for `target` from the start; return its value from the hook.
    pub fn internal_redirect(&self, target: &[u8]) -> Answer {
        check(call!(subrequest.internal_redirect(self.raw, tables::str(target))), "cannot redirect")?;
        Ok(Status::DONE)
    }

    /// Writes a line to the error log, with the request.
    pub fn log(&self, level: Level, message: impl Fn() -> String) {
        log::write(self.host.raw, level, self.raw, ptr::null(), &message)
    }
}

/// One of a request's tables: header fields, notes or environment. Names of fields compare without case.
#[derive(Clone, Copy)]
pub struct Fields<'r> {
    request: *mut apus_req,
    table: u32,
    life: PhantomData<&'r ()>,
}

impl<'r> Fields<'r> {
    fn new(request: *mut apus_req, table: u32) -> Self {
        Fields { request, table, life: PhantomData }
    }

    /// The first value of a name.
    pub fn get(&self, name: &str) -> Option<&'r [u8]> {
        unsafe { tables::bytes(call!(headers.get(self.request, self.table, tables::str(name.as_bytes()), 0))) }
    }

    /// Sets the only value of a name. An error: it holds bytes that no field may.
    pub fn set(&self, name: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
        let (name_text, value) = (tables::str(name.as_bytes()), tables::str(value.as_ref()));
        check(call!(headers.set(self.request, self.table, name_text, value)), name).map(|_| ())
    }

    /// Adds a further value of a name.
    pub fn add(&self, name: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
        let (name_text, value) = (tables::str(name.as_bytes()), tables::str(value.as_ref()));
        check(call!(headers.add(self.request, self.table, name_text, value)), name).map(|_| ())
    }

    /// Removes all values of a name; false: there was none.
    pub fn remove(&self, name: &str) -> bool {
        call!(headers.remove(self.request, self.table, tables::str(name.as_bytes()))) == APUS_OK
    }

    /// All entries in their order.
    pub fn all(&self) -> Vec<(&'r [u8], &'r [u8])> {
        let empty = apus_str { ptr: ptr::null(), len: 0 };
        let mut entries = Vec::new();
        for index in 0..call!(headers.count(self.request, self.table)) {
            let (mut name, mut value) = (empty, empty);
            if call!(headers.at(self.request, self.table, index, &mut name, &mut value)) == APUS_OK {
                entries.push(unsafe { (tables::bytes(name).unwrap_or(b""), tables::bytes(value).unwrap_or(b"")) });
            }
        }
        entries
    }
}
