use crate::host::Host;
use crate::module::Module;
use crate::pool::Pool;
use crate::status::Error;
use crate::sys::*;
use crate::tables::{self, call};
use std::any::Any;
use std::marker::PhantomData;
use std::os::raw::c_void;

/// One connection.
pub struct Connection<'c, M: Module> {
    pub(crate) raw: *mut apus_conn,
    host: Host<M>,
    life: PhantomData<&'c ()>,
}

impl<'c, M: Module> Connection<'c, M> {
    pub(crate) fn new(raw: *mut apus_conn, host: Host<M>) -> Self {
        Connection { raw, host, life: PhantomData }
    }

    /// One of its strings: `APUS_C_PEER_ADDRESS` and the like.
    pub fn text(&self, field: u32) -> &'c [u8] {
        unsafe { tables::bytes(call!(conn.get(self.raw, field))) }.unwrap_or(b"")
    }

    /// One of its numbers: `APUS_C_REQUESTS` and the like.
    pub fn number(&self, field: u32) -> i64 {
        call!(conn.number(self.raw, field))
    }

    /// Memory that lives as long as the connection.
    pub fn pool(&self) -> Pool<'c> {
        Pool::new(call!(conn.pool(self.raw)))
    }

    /// What the module keeps with the connection: None when nothing of that type is.
    pub fn slot<T: 'static>(&self) -> Option<&'c T> {
        let slot = call!(conn.slot(self.raw, self.host.raw)) as *const Box<dyn Any>;
        unsafe { slot.as_ref() }.and_then(|value| value.downcast_ref())
    }

    /// Keeps a value with the connection, in place of what was there.
    pub fn set_slot<T: 'static>(&self, value: T) -> Result<(), Error> {
        let boxed: Box<dyn Any> = Box::new(value);
        let place = self.pool().keep(boxed).ok_or("no memory")?;
        call!(conn.set_slot(self.raw, self.host.raw, place as *const _ as *mut c_void));
        Ok(())
    }

    /// Calls `body` once after so many microseconds, on the loop, unless the connection has gone.
    pub fn after(&self, microseconds: u64, body: impl FnOnce() + 'static) -> Result<(), Error> {
        crate::tasks::timer(self.raw, microseconds, body).map(|_| ())
    }

    /// Ends the connection once what is queued has been sent.
    pub fn close(&self) {
        call!(conn.close(self.raw))
    }
}
