//! RDB files, DUMP payloads, the AOF and digests, as streams of byte strings.

use super::{api, Ctx, Str};
use redis_module::raw;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::os::raw::c_int;

fn name_of<'a>(io: *mut raw::RedisModuleIO) -> Option<&'a Str> {
    // SAFETY: the stream is live (only the types below call this); the name, if there is one, lives as long as it.
    unsafe {
        let name = api!(RedisModule_GetKeyNameFromIO(io));
        (!name.is_null()).then(|| Str::borrow(name))
    }
}

/// The mark of a damaged value in a file.
const DAMAGED: &[u8] = b"damaged";

/// Where a value is written to.
pub struct Saver<'a> {
    raw: *mut raw::RedisModuleIO,
    _io: PhantomData<&'a ()>,
}

impl<'a> Saver<'a> {
    /// # Safety
    /// `raw` must be live for `'a`.
    pub(super) unsafe fn new(raw: *mut raw::RedisModuleIO) -> Self {
        Saver { raw, _io: PhantomData }
    }

    pub fn put(&mut self, bytes: &[u8]) {
        // SAFETY: a live stream; pointer and length are of one slice.
        unsafe { api!(RedisModule_SaveStringBuffer(self.raw, bytes.as_ptr().cast(), bytes.len())) };
    }

    /// Writes the mark of a value that is damaged, or was found to be so while it was written. No chunk of ours begins like it.
    pub fn put_damaged(&mut self) {
        self.put(DAMAGED);
    }

    /// Name of the key that is being saved.
    pub fn key_name(&self) -> Option<&'a Str> {
        name_of(self.raw)
    }
}

/// Where a value is read from. Nothing read is to be trusted.
pub struct Reader<'a> {
    raw: *mut raw::RedisModuleIO,
    _io: PhantomData<&'a ()>,
}

/// One byte string that was read.
pub struct Buffer {
    bytes: *mut std::os::raw::c_char,
    length: usize,
}

impl<'a> Reader<'a> {
    /// # Safety
    /// `raw` must be live for `'a`.
    pub(super) unsafe fn new(raw: *mut raw::RedisModuleIO) -> Self {
        Reader { raw, _io: PhantomData }
    }

    /// The next byte string; `None` if the stream is damaged or over.
    pub fn take(&mut self) -> Option<Buffer> {
        let mut length = 0;
        // SAFETY: a live stream; the module handles IO errors, so a damaged one answers null or says so.
        unsafe {
            let bytes = api!(RedisModule_LoadStringBuffer(self.raw, &mut length));
            if bytes.is_null() {
                return None;
            }
            let buffer = Buffer { bytes, length };
            (api!(RedisModule_IsIOError(self.raw)) == 0).then_some(buffer)
        }
    }

    /// Whether a whole file is being loaded (an RDB file, an AOF with the RESTOREs in it, the first data of a replica).
    pub fn is_of_file(&self) -> bool {
        Ctx::own().is_some_and(|ctx| ctx.flags().is_loading())
    }

    /// Name of the key that is being loaded.
    pub fn key_name(&self) -> Option<&'a Str> {
        name_of(self.raw)
    }

    /// The database of that key.
    pub fn db(&self) -> i32 {
        // SAFETY: a live stream.
        unsafe { api!(RedisModule_GetDbIdFromIO(self.raw)) }
    }
}

impl Buffer {
    /// Whether this is the mark of a damaged value.
    pub fn is_damaged(&self) -> bool {
        **self == *DAMAGED
    }
}

impl std::ops::Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: Redis allocated `length` bytes there, which are ours until freed below.
        unsafe { std::slice::from_raw_parts(self.bytes.cast(), self.length) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: allocated by Redis for us, freed once.
        unsafe { api!(RedisModule_Free(self.bytes.cast())) };
    }
}

/// Where the commands that rebuild a value are written to.
pub struct Rewriter<'a> {
    raw: *mut raw::RedisModuleIO,
    _io: PhantomData<&'a ()>,
}

impl Rewriter<'_> {
    /// # Safety
    /// `raw` must be live for `'a`.
    pub(super) unsafe fn new(raw: *mut raw::RedisModuleIO) -> Self {
        Rewriter { raw, _io: PhantomData }
    }

    /// Writes `command key word bytes`.
    pub fn emit(&mut self, command: &CStr, key: &Str, word: &CStr, bytes: &[u8]) {
        // SAFETY: a live stream, and what "scb" asks for: a string, a C string, a pointer with its length.
        unsafe {
            api!(RedisModule_EmitAOF(
                self.raw,
                command.as_ptr(),
                c"scb".as_ptr(),
                key.raw(),
                word.as_ptr(),
                bytes.as_ptr().cast::<std::os::raw::c_char>(),
                bytes.len()
            ))
        };
    }
}

/// The bytes that DEBUG DIGEST is made of.
pub struct Digest(*mut raw::RedisModuleDigest);

impl Digest {
    /// # Safety
    /// `raw` must be live for as long as the digest is used.
    pub(super) unsafe fn new(raw: *mut raw::RedisModuleDigest) -> Self {
        Digest(raw)
    }

    pub fn add(&mut self, bytes: &[u8]) {
        // SAFETY: a live digest; pointer and length are of one slice.
        unsafe { api!(RedisModule_DigestAddStringBuffer(self.0, bytes.as_ptr().cast(), bytes.len())) };
    }

    /// Ends a sequence: the order of the bytes that were added to it counts.
    pub fn end_sequence(&mut self) {
        // SAFETY: a live digest.
        unsafe { api!(RedisModule_DigestEndSequence(self.0)) };
    }
}

/// The key whose value is unlinked: its database and name.
pub struct UnlinkedKey(*mut raw::RedisModuleKeyOptCtx);

impl UnlinkedKey {
    /// # Safety
    /// `raw` must be live for as long as this is used.
    pub(super) unsafe fn new(raw: *mut raw::RedisModuleKeyOptCtx) -> Self {
        UnlinkedKey(raw)
    }

    pub fn db(&self) -> i32 {
        // SAFETY: a live context.
        let db: c_int = unsafe { api!(RedisModule_GetDbIdFromOptCtx(self.0)) };
        db
    }

    pub fn name(&self) -> Option<&Str> {
        // SAFETY: a live context; the name lives as long as it.
        unsafe {
            let name = api!(RedisModule_GetKeyNameFromOptCtx(self.0));
            (!name.is_null()).then(|| Str::borrow(name))
        }
    }
}

/// The key that COPY writes: its database and name.
pub struct CopyTarget(*mut raw::RedisModuleKeyOptCtx);

impl CopyTarget {
    /// # Safety
    /// `raw` must be live for as long as this is used.
    pub(super) unsafe fn new(raw: *mut raw::RedisModuleKeyOptCtx) -> Self {
        CopyTarget(raw)
    }

    pub fn db(&self) -> i32 {
        // SAFETY: a live context.
        let db: c_int = unsafe { api!(RedisModule_GetToDbIdFromOptCtx(self.0)) };
        db
    }

    pub fn name(&self) -> Option<&Str> {
        // SAFETY: a live context; the name lives as long as it.
        unsafe {
            let name = api!(RedisModule_GetToKeyNameFromOptCtx(self.0));
            (!name.is_null()).then(|| Str::borrow(name))
        }
    }
}
