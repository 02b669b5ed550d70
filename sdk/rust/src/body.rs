use crate::sys::*;
use crate::tables::{self, call};
use std::marker::PhantomData;
use std::os::raw::c_void;

/// A sequence of body segments, which lives as long as the request.
pub struct Chain<'r> {
    pub(crate) raw: *mut apus_chain,
    life: PhantomData<&'r ()>,
}

impl<'r> Chain<'r> {
    pub(crate) fn new(raw: *mut apus_chain) -> Self {
        Chain { raw, life: PhantomData }
    }

    /// Appends a copy of the bytes. False: memory is gone.
    pub fn append(&mut self, bytes: &[u8]) -> bool {
        call!(body.append_copy(self.raw, tables::str(bytes))) >= 0
    }

    /// Appends bytes without copying them; they are dropped when they are no longer needed.
    pub fn append_owned(&mut self, bytes: Vec<u8>) -> bool {
        let boxed = Box::new(bytes);
        let text = tables::str(&boxed);
        let raw = Box::into_raw(boxed);
        let taken = call!(body.append_borrowed(self.raw, text, Some(release), raw as *mut c_void)) >= 0;
        if !taken {
            drop(unsafe { Box::from_raw(raw) });
        }
        taken
    }

    /// Appends the mark that the body ends here.
    pub fn append_end(&mut self) -> bool {
        call!(body.append_mark(self.raw, APUS_SEG_END)) >= 0
    }

    /// Appends the mark that what came before is to be sent now.
    pub fn append_flush(&mut self) -> bool {
        call!(body.append_mark(self.raw, APUS_SEG_FLUSH)) >= 0
    }

    /// A look at the first segment; None: the chain is empty.
    pub fn first(&self) -> Option<Segment<'_>> {
        let mut raw: apus_segment = unsafe { std::mem::zeroed() };
        raw.size = std::mem::size_of::<apus_segment>() as u32;
        if call!(body.peek(self.raw, &mut raw)) != APUS_OK {
            return None;
        }
        Some(Segment { raw, life: PhantomData })
    }

    /// Drops the first segment.
    pub fn drop_first(&mut self) {
        call!(body.drop(self.raw, usize::MAX))
    }

    /// Moves the first segment, or up to `most` bytes of it, to the end of another chain.
    pub fn move_to(&mut self, other: &mut Chain, most: usize) {
        call!(body.move_(other.raw, self.raw, most))
    }

    /// Bytes in the chain.
    pub fn len(&self) -> i64 {
        call!(body.length(self.raw))
    }

    /// Whether there are no bytes in it; marks there may be.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

unsafe extern "C" fn release(bytes: *mut c_void) {
    drop(Box::from_raw(bytes as *mut Vec<u8>));
}

/// A look at one segment.
pub struct Segment<'c> {
    raw: apus_segment,
    life: PhantomData<&'c ()>,
}

impl<'c> Segment<'c> {
    /// `APUS_SEG_DATA`, `FILE`, `FLUSH` or `END`.
    pub fn kind(&self) -> u32 {
        self.raw.kind
    }

    /// Whether the body ends here.
    pub fn is_end(&self) -> bool {
        self.raw.kind == APUS_SEG_END
    }

    /// Its bytes; empty for marks and files.
    pub fn data(&self) -> &'c [u8] {
        if self.raw.kind != APUS_SEG_DATA {
            return b"";
        }
        unsafe { tables::bytes(self.raw.data) }.unwrap_or(b"")
    }

    /// Its bytes, those of a file read now: for filters that look into everything.
    pub fn read(&self) -> std::io::Result<Vec<u8>> {
        if self.raw.kind != APUS_SEG_FILE {
            return Ok(self.data().to_vec());
        }
        use std::os::unix::fs::FileExt;
        use std::os::unix::io::FromRawFd;
        // The descriptor stays the host's.
        let file = std::mem::ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(self.raw.fd) });
        let mut bytes = vec![0; self.raw.length.max(0) as usize];
        file.read_exact_at(&mut bytes, self.raw.offset as u64)?;
        Ok(bytes)
    }

    /// Bytes, of a file or in memory.
    pub fn length(&self) -> i64 {
        self.raw.length
    }

    /// The raw view.
    pub fn raw(&self) -> &apus_segment {
        &self.raw
    }
}

