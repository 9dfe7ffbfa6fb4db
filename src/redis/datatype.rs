//! Types of values that live under a key of ours.

use super::io::{CopyTarget, Digest, Reader, Rewriter, Saver, UnlinkedKey};
use super::{api, Ctx, Str};
use crate::guard;
use redis_module::raw;
use std::collections::BTreeSet;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::os::raw::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// A value that Redis keeps for us.
pub trait Stored: Sized + Send + 'static {
    /// Exactly nine characters.
    const NAME: &'static CStr;
    /// Whether all values of the type can be shown (`DataType::each`).
    const IS_LISTED: bool = true;
    /// Version of its encoding, 0 to 1023.
    const VERSION: c_int;

    fn save(&self, to: &mut Saver<'_>);
    /// `None` if what is read is not a value; the reason has been logged.
    fn load(from: &mut Reader<'_>, version: c_int) -> Option<Box<Self>>;
    fn rewrite(&self, key: &Str, to: &mut Rewriter<'_>);
    fn digest(&self, digest: &mut Digest);
    fn copy(&self, to: &CopyTarget) -> Box<Self>;
    fn memory(&self) -> usize;
    fn free_effort(&self) -> usize;
    /// It has left its name; it may live on under another.
    fn unlinked(&self, db: i32, name: Option<&Str>);
    /// May be called on any thread.
    fn free(self: Box<Self>);
    /// Where this type is registered.
    fn data_type() -> &'static DataType<Self>;
}

/// The registration of the type of `T`: only values of `T` are ever stored under it.
pub struct DataType<T> {
    raw: AtomicPtr<raw::RedisModuleType>,
    /// The addresses of all values that Redis holds, if they are listed. A tree: no table of millions grows in one go, or stays.
    live: OnceLock<Mutex<BTreeSet<usize>>>,
    _values: PhantomData<fn() -> T>,
}

impl<T: Stored> DataType<T> {
    pub const fn new() -> Self {
        DataType { raw: AtomicPtr::new(ptr::null_mut()), live: OnceLock::new(), _values: PhantomData }
    }

    pub fn raw(&self) -> *mut raw::RedisModuleType {
        self.raw.load(Ordering::Relaxed)
    }

    fn live(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        self.live.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many values there are.
    pub fn count(&self) -> usize {
        self.live().len()
    }

    /// Makes a value one that Redis holds.
    pub(super) fn hand_over(&self, value: Box<T>) -> *mut T {
        let value = Box::into_raw(value);
        if T::IS_LISTED {
            self.live().insert(value as usize);
        }
        value
    }

    /// Takes a value back from Redis, on whichever thread: the only way by which one ends.
    ///
    /// # Safety
    /// `value` must have been handed over here, and not be used any more.
    pub(super) unsafe fn take_back(&self, value: *mut T) -> Box<T> {
        if T::IS_LISTED {
            self.live().remove(&(value as usize));
        }
        // SAFETY: `hand_over` made it of a box, and the caller vouches for the rest.
        unsafe { Box::from_raw(value) }
    }

    /// Shows all values, in no order, until `look` returns false. Only on the main thread, while no value is borrowed.
    pub fn each(&self, mut look: impl FnMut(&mut T) -> bool) {
        for value in self.live().iter() {
            // SAFETY: a `Box<T>` that Redis holds. It ends only after it has left the list, whose lock we hold; and all else that
            // touches values happens on the main thread.
            if !look(unsafe { &mut *(*value as *mut T) }) {
                break;
            }
        }
    }

    /// Tells Redis of the type; once, at load. False if Redis refuses it.
    pub fn register(&self, ctx: &Ctx) -> bool {
        let mut methods = raw::RedisModuleTypeMethods {
            // The version that 7.0 knows; later fields are not read there.
            version: 4,
            rdb_load: Some(load::<T>),
            rdb_save: Some(save::<T>),
            aof_rewrite: Some(rewrite::<T>),
            mem_usage: None,
            digest: Some(digest::<T>),
            free: Some(free::<T>),
            aux_load: None,
            aux_save: None,
            aux_save_triggers: 0,
            free_effort: None,
            unlink: None,
            copy: None,
            defrag: None,
            mem_usage2: Some(memory::<T>),
            free_effort2: Some(free_effort::<T>),
            unlink2: Some(unlinked::<T>),
            copy2: Some(copy::<T>),
            aux_save2: None,
        };
        // SAFETY: a live context during load; Redis copies the methods.
        let raw = unsafe { api!(RedisModule_CreateDataType(ctx.raw(), T::NAME.as_ptr(), T::VERSION, &mut methods)) };
        self.raw.store(raw, Ordering::Relaxed);
        !raw.is_null()
    }
}

/// # Safety
/// `value` must be a live value of the type of `T`.
unsafe fn borrow<'a, T: Stored>(value: *const c_void) -> &'a T {
    // SAFETY: the caller vouches; every value stored under the type is a `Box<T>`.
    unsafe { &*value.cast::<T>() }
}

unsafe extern "C" fn load<T: Stored>(io: *mut raw::RedisModuleIO, version: c_int) -> *mut c_void {
    // SAFETY: Redis lends the stream until we return.
    let mut reader = unsafe { Reader::new(io) };
    let value = guard::catch("rdb_load", || T::load(&mut reader, version)).flatten();
    value.map_or(ptr::null_mut(), |value| T::data_type().hand_over(value).cast())
}

unsafe extern "C" fn save<T: Stored>(io: *mut raw::RedisModuleIO, value: *mut c_void) {
    // SAFETY: Redis lends stream and value until we return.
    let (mut saver, value) = unsafe { (Saver::new(io), borrow::<T>(value)) };
    guard::catch("rdb_save", || value.save(&mut saver));
}

unsafe extern "C" fn rewrite<T: Stored>(
    io: *mut raw::RedisModuleIO,
    key: *mut raw::RedisModuleString,
    value: *mut c_void,
) {
    // SAFETY: Redis lends stream, name and value until we return.
    let (mut rewriter, key, value) = unsafe { (Rewriter::new(io), Str::borrow(key), borrow::<T>(value)) };
    guard::catch("aof_rewrite", || value.rewrite(key, &mut rewriter));
}

unsafe extern "C" fn digest<T: Stored>(md: *mut raw::RedisModuleDigest, value: *mut c_void) {
    // SAFETY: Redis lends digest and value until we return.
    let (mut digest, value) = unsafe { (Digest::new(md), borrow::<T>(value)) };
    guard::catch("digest", || value.digest(&mut digest));
}

unsafe extern "C" fn free<T: Stored>(value: *mut c_void) {
    // SAFETY: Redis gives the value back, once; it was handed over in `load`, `copy` or `Key::set`.
    let value = unsafe { T::data_type().take_back(value.cast()) };
    guard::catch("free", || value.free());
}

unsafe extern "C" fn memory<T: Stored>(
    _: *mut raw::RedisModuleKeyOptCtx,
    value: *const c_void,
    _samples: usize,
) -> usize {
    // SAFETY: Redis lends the value until we return.
    let value = unsafe { borrow::<T>(value) };
    guard::catch("mem_usage", || value.memory()).unwrap_or(0)
}

unsafe extern "C" fn free_effort<T: Stored>(_: *mut raw::RedisModuleKeyOptCtx, value: *const c_void) -> usize {
    // SAFETY: Redis lends the value until we return.
    let value = unsafe { borrow::<T>(value) };
    guard::catch("free_effort", || value.free_effort()).unwrap_or(1)
}

unsafe extern "C" fn unlinked<T: Stored>(ctx: *mut raw::RedisModuleKeyOptCtx, value: *const c_void) {
    // SAFETY: Redis lends context and value until we return.
    let (key, value) = unsafe { (UnlinkedKey::new(ctx), borrow::<T>(value)) };
    guard::catch("unlink", || value.unlinked(key.db(), key.name()));
}

unsafe extern "C" fn copy<T: Stored>(ctx: *mut raw::RedisModuleKeyOptCtx, value: *const c_void) -> *mut c_void {
    // SAFETY: Redis lends context and value until we return.
    let (target, value) = unsafe { (CopyTarget::new(ctx), borrow::<T>(value)) };
    let copied = guard::catch("copy", || value.copy(&target));
    copied.map_or(ptr::null_mut(), |value| T::data_type().hand_over(value).cast())
}
