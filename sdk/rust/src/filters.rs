use crate::body::Chain;
use crate::host::Host;
use crate::module::{guarded, text, Module};
use crate::request::Request;
use crate::status::{check, Error, Status};
use crate::sys::*;
use crate::tables::call;
use std::marker::PhantomData;
use std::os::raw::c_void;
use std::ptr;

/// One filter on one request.
pub struct Filter<'f, M: Module> {
    raw: *mut apus_filter,
    host: Host<M>,
    life: PhantomData<&'f ()>,
}

impl<'f, M: Module> Filter<'f, M> {
    /// The request it is on.
    pub fn request(&self) -> Request<'f, M> {
        Request::new(call!(filters.request(self.raw)), self.host)
    }

    /// Hands a chain to the next output filter.
    pub fn pass(&self, chain: &mut Chain) -> Status {
        Status(call!(filters.pass(self.raw, chain.raw)))
    }

    /// Asks the next input filter for up to `max` bytes.
    pub fn pull(&self, max: usize, chain: &mut Chain) -> Status {
        Status(call!(filters.pull(self.raw, max, chain.raw)))
    }

    /// Takes the filter off the request.
    pub fn remove(&self) {
        call!(filters.remove(self.raw))
    }
}

/// What an output filter does: one value is made for each request it is put on.
pub trait OutputFilter<M: Module>: Sized + 'static {
    /// None: the filter is left out for this request.
    fn begin(filter: &Filter<M>) -> Option<Self>;

    /// The head of the answer is complete and its body about to come. False: the filter is taken off.
    fn prepare(&mut self, _filter: &Filter<M>) -> bool {
        true
    }

    /// Takes a chain and passes on what it makes of it.
    fn process(&mut self, chain: &mut Chain, filter: &Filter<M>) -> Status;
}

/// The same on the way in.
pub trait InputFilter<M: Module>: Sized + 'static {
    /// None: the filter is left out for this request.
    fn begin(filter: &Filter<M>) -> Option<Self>;

    /// Appends up to about `max` bytes to the chain; what `pull` returned comes back.
    fn fill(&mut self, chain: &mut Chain, max: usize, filter: &Filter<M>) -> Status;
}

struct Kind<M: Module> {
    host: Host<M>,
}

impl<M: Module> Host<M> {
    /// Registers an output filter under a name, at a stage (`APUS_STAGE_…`).
    pub fn output_filter<F: OutputFilter<M>>(&self, name: &str, stage: u32) -> Result<(), Error> {
        let mut registration = self.registration(name, APUS_OUTPUT, stage);
        registration.begin = Some(begin_output::<M, F>);
        registration.prepare = Some(prepare::<M, F>);
        registration.process = Some(process::<M, F>);
        registration.end = Some(end::<F>);
        check(call!(filters.add(self.raw, &registration)), &format!("filter {}", name)).map(|_| ())
    }

    /// Registers an input filter under a name, at a stage.
    pub fn input_filter<F: InputFilter<M>>(&self, name: &str, stage: u32) -> Result<(), Error> {
        let mut registration = self.registration(name, APUS_INPUT, stage);
        registration.begin = Some(begin_input::<M, F>);
        registration.fill = Some(fill::<M, F>);
        registration.end = Some(end::<F>);
        check(call!(filters.add(self.raw, &registration)), &format!("filter {}", name)).map(|_| ())
    }

    fn registration(&self, name: &str, direction: u32, stage: u32) -> apus_filter_reg {
        apus_filter_reg {
            size: std::mem::size_of::<apus_filter_reg>() as u32,
            direction,
            stage,
            flags: 0,
            name: text(name),
            ctx: Box::into_raw(Box::new(Kind { host: *self })) as *mut c_void,
            after: ptr::null(),
            before: ptr::null(),
            begin: None,
            process: None,
            fill: None,
            end: None,
            prepare: None,
        }
    }
}

unsafe fn filter<'f, M: Module>(ctx: *mut c_void, raw: *mut apus_filter) -> Filter<'f, M> {
    Filter { raw, host: (*(ctx as *const Kind<M>)).host, life: PhantomData }
}

/// Runs a callback of a filter with what was made for the request.
unsafe fn with_state<M, F>(ctx: *mut c_void, raw: *mut apus_filter, body: impl FnOnce(&mut F, &Filter<M>) -> Status) -> apus_status
where
    M: Module,
{
    let filter = filter::<M>(ctx, raw);
    guarded(filter.host.raw, call!(filters.request(raw)), || {
        match (call!(filters.state(raw)) as *mut F).as_mut() {
            Some(state) => Ok(body(state, &filter)),
            None => Err(Error::from("a filter was called without having begun")),
        }
    })
}

fn begin<M: Module, F>(ctx: *mut c_void, raw: *mut apus_filter, make: impl FnOnce(&Filter<M>) -> Option<F>) -> apus_status {
    let filter = unsafe { filter::<M>(ctx, raw) };
    guarded(filter.host.raw, call!(filters.request(raw)), || match make(&filter) {
        Some(state) => {
            call!(filters.set_state(raw, Box::into_raw(Box::new(state)) as *mut c_void));
            Ok(Status::OK)
        }
        None => Ok(Status::DECLINED),
    })
}

unsafe extern "C" fn begin_output<M: Module, F: OutputFilter<M>>(ctx: *mut c_void, raw: *mut apus_filter) -> apus_status {
    begin::<M, F>(ctx, raw, F::begin)
}

unsafe extern "C" fn begin_input<M: Module, F: InputFilter<M>>(ctx: *mut c_void, raw: *mut apus_filter) -> apus_status {
    begin::<M, F>(ctx, raw, F::begin)
}

unsafe extern "C" fn prepare<M: Module, F: OutputFilter<M>>(ctx: *mut c_void, raw: *mut apus_filter) -> apus_status {
    with_state::<M, F>(ctx, raw, |state, filter| if state.prepare(filter) { Status::OK } else { Status::DECLINED })
}

unsafe extern "C" fn process<M: Module, F: OutputFilter<M>>(ctx: *mut c_void, raw: *mut apus_filter, chain: *mut apus_chain) -> apus_status {
    with_state::<M, F>(ctx, raw, |state, filter| state.process(&mut Chain::new(chain), filter))
}

unsafe extern "C" fn fill<M: Module, F: InputFilter<M>>(ctx: *mut c_void, raw: *mut apus_filter, max: usize, chain: *mut apus_chain) -> apus_status {
    with_state::<M, F>(ctx, raw, |state, filter| state.fill(&mut Chain::new(chain), max, filter))
}

unsafe extern "C" fn end<F>(_ctx: *mut c_void, raw: *mut apus_filter) {
    let state = call!(filters.state(raw)) as *mut F;
    if !state.is_null() {
        call!(filters.set_state(raw, ptr::null_mut()));
        drop(Box::from_raw(state));
    }
}
