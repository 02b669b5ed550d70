use crate::conn::Connection;
use crate::host::Host;
use crate::module::{guarded, Module};
use crate::request::Request;
use crate::status::{check, Answer, Error, Status};
use crate::sys::draft::*;
use crate::sys::*;
use crate::tables::{self, call};
use std::os::raw::c_void;
use std::ptr;

impl<'c, M: Module> Connection<'c, M> {
    /// Sends bytes, for who has the connection after an upgrade. `Status::AGAIN`: taken, but wait for `writable`.
    pub fn send(&self, bytes: &[u8]) -> Status {
        let part = tables::str(bytes);
        Status(call!(upgrade.send(self.raw, &part, 1)))
    }
}

/// Who has a connection after an answer 101. Dropped when the connection has ended.
pub trait Owner<M: Module>: 'static {
    /// Bytes came; none: the peer has finished sending.
    fn receive(&mut self, bytes: &[u8], connection: &Connection<M>) -> Answer;

    /// `send` answered AGAIN before, and there is room again.
    fn writable(&mut self, _connection: &Connection<M>) -> Answer {
        Ok(Status::OK)
    }
}

struct Owned<M: Module, O> {
    owner: O,
    connection: *mut apus_conn,
    host: Host<M>,
}

impl<'r, M: Module> Request<'r, M> {
    /// Whether the client offers to go on with a protocol.
    pub fn asks_for(&self, protocol: &str) -> bool {
        call!(upgrade.asked(self.raw, tables::str(protocol.as_bytes()))) != 0
    }

    /// Answers 101 and hands the connection over; return its value from the handler.
    pub fn switch_to<O: Owner<M>>(&self, protocol: &str, owner: O) -> Answer {
        let state = Owned { owner, connection: call!(request.conn(self.raw)), host: self.host };
        let state = Box::into_raw(Box::new(state)) as *mut c_void;
        let table = Box::new(apus_protocol_v0 {
            size: std::mem::size_of::<apus_protocol_v0>() as u32,
            flags: 0,
            open: None,
            receive: Some(receive::<M, O>),
            writable: Some(writable::<M, O>),
            close: Some(close::<M, O>),
        });
        // The table must outlive the connection; the request does.
        let table: &apus_protocol_v0 = self.pool().keep(*table).ok_or("no memory")?;
        let status = call!(upgrade.switch_to(self.raw, tables::str(protocol.as_bytes()), table, state));
        if status < 0 {
            drop(unsafe { Box::from_raw(state as *mut Owned<M, O>) });
        }
        check(status, "cannot switch the protocol")
    }
}

unsafe extern "C" fn receive<M: Module, O: Owner<M>>(state: *mut c_void, bytes: *const c_void, n: usize) -> apus_status {
    let state = &mut *(state as *mut Owned<M, O>);
    let connection = Connection::new(state.connection, state.host);
    let bytes = if n == 0 { &[][..] } else { std::slice::from_raw_parts(bytes as *const u8, n) };
    guarded(state.host.raw, ptr::null(), || state.owner.receive(bytes, &connection))
}

unsafe extern "C" fn writable<M: Module, O: Owner<M>>(state: *mut c_void) -> apus_status {
    let state = &mut *(state as *mut Owned<M, O>);
    let connection = Connection::new(state.connection, state.host);
    guarded(state.host.raw, ptr::null(), || state.owner.writable(&connection))
}

unsafe extern "C" fn close<M: Module, O: Owner<M>>(state: *mut c_void) {
    let state = Box::from_raw(state as *mut Owned<M, O>);
    let host = state.host.raw;
    guarded(host, ptr::null(), || -> Result<Status, Error> {
        drop(state);
        Ok(Status::OK)
    });
}
