use crate::sys;
use crate::tables::{self, call};
use std::marker::PhantomData;
use std::os::raw::c_void;

/// Memory that is freed at once: with a request, a connection, or the configuration.
#[derive(Clone, Copy)]
pub struct Pool<'p> {
    pub(crate) raw: *mut sys::apus_pool,
    life: PhantomData<&'p ()>,
}

impl<'p> Pool<'p> {
    pub(crate) fn new(raw: *mut sys::apus_pool) -> Pool<'p> {
        Pool { raw, life: PhantomData }
    }

    /// A copy of the bytes that lives as long as the pool. Empty when memory is gone.
    pub fn copy(&self, bytes: &[u8]) -> &'p [u8] {
        unsafe { tables::bytes(call!(pool.dup(self.raw, tables::str(bytes)))) }.unwrap_or(b"")
    }

    /// Keeps a value until the pool is freed; it is dropped then. None: memory is gone.
    pub fn keep<T: 'static>(&self, value: T) -> Option<&'p T> {
        let place = self.place(value);
        unsafe { (place as *const T).as_ref() }
    }

    /// The same as a bare pointer; NULL: memory is gone.
    pub(crate) fn place<T>(&self, value: T) -> *mut T {
        assert!(std::mem::align_of::<T>() <= 16, "pools align to 16 bytes");
        let place = call!(pool.alloc(self.raw, std::mem::size_of::<T>().max(1))) as *mut T;
        if place.is_null() {
            return place;
        }
        unsafe { place.write(value) };
        if std::mem::needs_drop::<T>() {
            let status = call!(pool.on_destroy(self.raw, Some(destroy::<T>), place as *mut c_void));
            if status < 0 {
                unsafe { place.drop_in_place() };
                return std::ptr::null_mut();
            }
        }
        place
    }
}

unsafe extern "C" fn destroy<T>(place: *mut c_void) {
    (place as *mut T).drop_in_place();
}
