//! reader_module: joins the hook and calls the function of ledger_module, which is written in C.
//! mistaken_module does so with a signature that is not theirs, and is refused.

use apus::{sys, Answer, Error, Host, Module, Order, Request, Status};
use std::os::raw::c_void;
use std::sync::{Arc, Mutex};

pub struct Reader;

/// What ledger_module told last, and how to ask it. The function is found when every module is attached.
#[derive(Default)]
struct Findings {
    last: Mutex<Vec<u8>>,
    count: Mutex<Option<Count>>,
}

#[derive(Clone, Copy)]
struct Count(unsafe extern "C" fn(*mut c_void) -> i64, *mut c_void);

// The function may be called on every thread: it reads one number.
unsafe impl Send for Count {}

impl Module for Reader {
    const NAME: &'static str = "reader_module";
    const VERSION: &'static str = "1.0";
    const REQUIRES: &'static [&'static [u8]] = &[sys::APUS_EXT_FUNCTIONS];
    type Server = ();
    type Dir = ();

    fn attach(host: &Host<Self>) -> Result<Self, Error> {
        let findings = Arc::new(Findings::default());
        join(host, "i(xRs)", &findings)?;
        let (found, own_host) = (findings.clone(), *host);
        host.optional_functions(move || {
            let link = own_host.function("ledger.count", "I(x)").ok().flatten();
            let count = link.and_then(|link| {
                // The signature says that it is of this type.
                let function = link.fn_.map(|function| unsafe { std::mem::transmute(function) });
                function.map(|function| Count(function, link.ctx))
            });
            if let Ok(mut place) = found.count.lock() {
                *place = count;
            }
        })?;
        host.handler(Order::MIDDLE, move |request| tell(request, &findings))?;
        Ok(Reader)
    }
}

fn join<M: Module>(host: &Host<M>, signature: &str, findings: &Arc<Findings>) -> Result<(), Error> {
    let function: unsafe extern "C" fn(*mut c_void, *mut sys::apus_req, sys::apus_str) -> sys::apus_status = entry;
    let ctx = Arc::into_raw(findings.clone()) as *mut c_void;
    unsafe {
        let function: unsafe extern "C" fn() = std::mem::transmute(function);
        host.register("ledger.entry", signature, Order::MIDDLE, Some(function), ctx)
    }
}

unsafe extern "C" fn entry(ctx: *mut c_void, _request: *mut sys::apus_req, line: sys::apus_str) -> sys::apus_status {
    let findings = &*(ctx as *const Findings);
    if let Ok(mut last) = findings.last.lock() {
        last.clear();
        if line.len > 0 {
            last.extend_from_slice(std::slice::from_raw_parts(line.ptr as *const u8, line.len));
        }
    }
    sys::APUS_DECLINED
}

fn tell(request: &Request<Reader>, findings: &Findings) -> Answer {
    if request.handler() != b"reader" {
        return Ok(Status::DECLINED);
    }
    let count = findings.count.lock().ok().and_then(|place| *place);
    let number = count.map_or("nobody counts".to_string(), |count| unsafe { (count.0)(count.1) }.to_string());
    let last = findings.last.lock().map(|last| last.clone()).unwrap_or_default();
    request.reply(200, "text/plain", &[b"count ", number.as_bytes(), b"\nlast ", &last].concat())
}

pub struct Mistaken;

impl Module for Mistaken {
    const NAME: &'static str = "mistaken_module";
    const VERSION: &'static str = "1.0";
    type Server = ();
    type Dir = ();

    fn attach(host: &Host<Self>) -> Result<Self, Error> {
        join(host, "i(xRI)", &Arc::new(Findings::default()))?;
        Ok(Mistaken)
    }
}
