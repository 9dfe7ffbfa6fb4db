//! Data types: the types of the values that this module stores under keys.

use super::damaged::Damaged;
use super::defrag::Defrag;
use super::info::Section;
use super::io::{CopyTarget, Digest, Reader, Rewriter, Saver, UnlinkedKey};
use super::panics;
use super::planted;
use super::{api, lent, Ctx, Str};
use redis_module::raw;
use std::collections::BTreeSet;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::os::raw::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Whether a value can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Sound,
    /// A panic may have left it half changed.
    Damaged,
}

/// A registered type of ours, for code that does not know the type of its values.
pub(super) struct Ours {
    /// The address by which Redis knows the type.
    raw: usize,
    pub(super) prefix: &'static str,
    pub(super) damage: fn(usize),
    damages: fn() -> usize,
}

/// The registered types; the list has more slots than there are types.
static OURS: [OnceLock<Ours>; 16] = [const { OnceLock::new() }; 16];

fn all_of_ours() -> impl Iterator<Item = &'static Ours> {
    OURS.iter().map_while(OnceLock::get)
}

/// The entry of a type, if it is one of ours.
pub(super) fn ours(raw: *mut raw::RedisModuleType) -> Option<&'static Ours> {
    all_of_ours().find(|ours| ours.raw == raw as usize)
}

/// How many values of ours are damaged.
pub fn damages() -> usize {
    all_of_ours().map(|ours| (ours.damages)()).sum()
}

/// A value that was loaded.
pub struct Loaded<T> {
    pub value: Box<T>,
    pub health: Health,
}

/// A value that Redis keeps for us.
pub trait Stored: Sized + Send + 'static {
    /// Exactly nine characters.
    const NAME: &'static CStr;
    /// The word that the names of its commands begin with.
    const PREFIX: &'static str;
    /// Whether all values of the type can be shown (`DataType::each`).
    const IS_LISTED: bool = true;
    /// The version of its encoding, 0 to 1023.
    const VERSION: c_int;

    /// The command that rebuilds a value from the AOF. Its form `key DAMAGED ""` marks the value that is there, or a new one, as damaged.
    const LOAD: &'static CStr;

    /// Saves the value. A damaged value writes its mark ([`Saver::put_damaged`]) before anything that could panic.
    fn save(&self, health: Health, to: &mut Saver<'_>);
    /// Loads a value. `None` if the bytes are not a value; the reason has been logged.
    fn load(from: &mut Reader<'_>, version: c_int) -> Option<Loaded<Self>>;
    fn rewrite(&self, key: &Str, to: &mut Rewriter<'_>);
    fn digest(&self, digest: &mut Digest);
    fn copy(&self, to: &CopyTarget) -> Box<Self>;
    fn memory(&self) -> usize;
    fn free_effort(&self) -> usize;
    /// Shows its buffers to the defragmentation, which may move them; from the first buffer on if `anew`. True if there are more.
    fn show_buffers(&mut self, _to: &mut Defrag<'_>, _anew: bool) -> bool {
        false
    }
    /// The value has left its name; it may live on under another.
    fn unlinked(&self, _db: i32, _name: Option<&Str>) {}
    /// Frees the value; on any thread.
    fn free(self: Box<Self>);
    /// The registration of this type.
    fn data_type() -> &'static DataType<Self>;
}

/// The registration of the type of `T`: only values of `T` are ever stored under it.
pub struct DataType<T> {
    raw: AtomicPtr<raw::RedisModuleType>,
    /// The addresses of all values that Redis holds, if they are listed. A tree, because a table of millions would grow in one go and stay.
    /// Threads of the server that free values lock it, so a child process must not: it makes, frees and lists no values.
    live: OnceLock<Mutex<BTreeSet<usize>>>,
    /// The addresses of damaged values. Their number stands beside it, so that they are searched only if there are any.
    damaged: Damaged,
    damages: AtomicUsize,
    _values: PhantomData<fn() -> T>,
}

impl<T: Stored> DataType<T> {
    pub const fn new() -> Self {
        DataType {
            raw: AtomicPtr::new(ptr::null_mut()),
            live: OnceLock::new(),
            damaged: Damaged::new(),
            damages: AtomicUsize::new(0),
            _values: PhantomData,
        }
    }

    pub(super) fn raw(&self) -> *mut raw::RedisModuleType {
        self.raw.load(Ordering::Relaxed)
    }

    /// How many values of this type are damaged.
    pub fn damages(&self) -> usize {
        self.damages.load(Ordering::Relaxed)
    }

    /// Marks the value at this address as damaged, for the rest of its life.
    pub(super) fn damage(&self, address: usize) {
        if self.damaged.insert(address) {
            self.damages.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether a value is damaged. Asked for every value that is saved, in a child process too, so it waits for nobody (`damaged`).
    pub(super) fn health(&self, value: *const T) -> Health {
        if self.damages() != 0 && self.damaged.contains(value as usize) {
            Health::Damaged
        } else {
            Health::Sound
        }
    }

    fn live(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        self.live.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many values Redis holds.
    pub fn count(&self) -> usize {
        self.live().len()
    }

    /// Hands a value over to Redis.
    pub(super) fn hand_over(&self, value: Box<T>) -> *mut T {
        let value = Box::into_raw(value);
        if T::IS_LISTED {
            self.live().insert(value as usize);
        }
        value
    }

    /// Takes a value back from Redis, on any thread: the only way by which a value ends.
    ///
    /// # Safety
    /// `value` must have been handed over here, and not be used any more.
    pub(super) unsafe fn take_back(&self, value: *mut T) -> Box<T> {
        if T::IS_LISTED {
            self.live().remove(&(value as usize));
        }
        if self.damages() != 0 && self.damaged.remove(value as usize) {
            self.damages.fetch_sub(1, Ordering::Relaxed);
        }
        // SAFETY: `hand_over` made it of a box, and the caller vouches for the rest.
        unsafe { Box::from_raw(value) }
    }

    /// Shows all sound values, in no order, until `look` returns false. Panics if any value is lent, and lets none be lent meanwhile. A panic
    /// of `look` damages the value that is shown; the others are shown all the same. `look` must not call anything that could end a value.
    /// `_section` proves that this is a callback, and so the main thread.
    pub fn each(&self, _section: &Section, mut look: impl FnMut(&mut T) -> bool) {
        let lender = ptr::from_ref(self).cast_mut().cast::<c_void>();
        lent::assert_none();
        lent::lend(lender);
        let _end = Defer(|| lent::take_back(lender));
        for value in self.live().iter() {
            let value = *value as *mut T;
            if self.health(value) == Health::Damaged {
                continue;
            }
            let looked = panics::catch("a look at each value", || {
                planted::look();
                // SAFETY: a `Box<T>` that Redis holds. It ends only after it has left the list, whose lock we hold; and nobody else has it
                // (`lent`).
                look(unsafe { &mut *value })
            });
            match looked {
                Some(true) => {}
                Some(false) => break,
                // It was lent to be changed.
                None => self.damage(value as usize),
            }
        }
    }

    /// Registers the type with Redis; once, at load. False if Redis refuses it.
    pub fn register(&self, ctx: &Ctx) -> bool {
        let mut methods = raw::RedisModuleTypeMethods {
            // The version that 7.0 knows; Redis reads no later fields.
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
            defrag: Some(defrag::<T>),
            mem_usage2: Some(memory::<T>),
            free_effort2: Some(free_effort::<T>),
            unlink2: Some(unlinked::<T>),
            copy2: Some(copy::<T>),
            aux_save2: None,
        };
        // SAFETY: a live context during load; Redis copies the methods.
        let raw = unsafe { api!(RedisModule_CreateDataType(ctx.raw(), T::NAME.as_ptr(), T::VERSION, &mut methods)) };
        if raw.is_null() {
            return false;
        }
        self.raw.store(raw, Ordering::Relaxed);
        let ours = || Ours {
            raw: raw as usize,
            prefix: T::PREFIX,
            damage: |address| T::data_type().damage(address),
            damages: || T::data_type().damages(),
        };
        OURS.iter().any(|slot| slot.set(ours()).is_ok())
    }
}

/// A function that is told of values that leave their names: database and name.
pub type UnlinkListener = fn(db: i32, name: &[u8]);

static ON_UNLINKED: OnceLock<UnlinkListener> = OnceLock::new();

/// Tells `listener` from now on, for good, whenever a value of ours has left its name; after [`Stored::unlinked`]. Only the first listener
/// is kept.
pub fn on_unlinked(listener: UnlinkListener) {
    ON_UNLINKED.get_or_init(|| listener);
}

/// Calls a function when it is dropped, also after a panic.
struct Defer<F: Fn()>(F);

impl<F: Fn()> Drop for Defer<F> {
    fn drop(&mut self) {
        (self.0)();
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
    let Some(Loaded { value, health }) = panics::catch("rdb_load", || T::load(&mut reader, version)).flatten() else {
        return ptr::null_mut();
    };
    let value = T::data_type().hand_over(value);
    if health == Health::Damaged {
        T::data_type().damage(value as usize);
    }
    value.cast()
}

unsafe extern "C" fn save<T: Stored>(io: *mut raw::RedisModuleIO, value: *mut c_void) {
    // SAFETY: Redis lends stream and value until we return.
    let (mut saver, value) = unsafe { (Saver::new(io), borrow::<T>(value)) };
    let health = T::data_type().health(value);
    if panics::catch("rdb_save", || value.save(health, &mut saver)).is_none() {
        // The file must remain loadable. The chunks that were written are no value, and the mark says so.
        saver.put_damaged();
        saver.put(b"");
    }
}

unsafe extern "C" fn rewrite<T: Stored>(
    io: *mut raw::RedisModuleIO,
    key: *mut raw::RedisModuleString,
    value: *mut c_void,
) {
    // SAFETY: Redis lends stream, name and value until we return.
    let (mut rewriter, key, value) = unsafe { (Rewriter::new(io), Str::borrow(key), borrow::<T>(value)) };
    let health = T::data_type().health(value);
    let written = panics::catch("aof_rewrite", || value.rewrite(key, &mut rewriter));
    if written.is_none() || health == Health::Damaged {
        rewriter.emit(T::LOAD, key, c"DAMAGED", b"");
    }
}

unsafe extern "C" fn digest<T: Stored>(md: *mut raw::RedisModuleDigest, value: *mut c_void) {
    // SAFETY: Redis lends digest and value until we return.
    let (mut digest, value) = unsafe { (Digest::new(md), borrow::<T>(value)) };
    panics::catch("digest", || match T::data_type().health(value) {
        Health::Sound => value.digest(&mut digest),
        Health::Damaged => {
            digest.add(b"damaged");
            digest.end_sequence();
        }
    });
}

unsafe extern "C" fn free<T: Stored>(value: *mut c_void) {
    // SAFETY: Redis gives the value back, once; it was handed over in `load`, `copy` or `Key::set`.
    let value = unsafe { T::data_type().take_back(value.cast()) };
    panics::catch("free", || value.free());
}

unsafe extern "C" fn memory<T: Stored>(
    _: *mut raw::RedisModuleKeyOptCtx,
    value: *const c_void,
    _samples: usize,
) -> usize {
    // SAFETY: Redis lends the value until we return.
    let value = unsafe { borrow::<T>(value) };
    panics::catch("mem_usage", || value.memory()).unwrap_or(0)
}

unsafe extern "C" fn free_effort<T: Stored>(_: *mut raw::RedisModuleKeyOptCtx, value: *const c_void) -> usize {
    // SAFETY: Redis lends the value until we return.
    let value = unsafe { borrow::<T>(value) };
    panics::catch("free_effort", || value.free_effort()).unwrap_or(1)
}

unsafe extern "C" fn defrag<T: Stored>(
    ctx: *mut raw::RedisModuleDefragCtx,
    _key: *mut raw::RedisModuleString,
    value: *mut *mut c_void,
) -> c_int {
    // SAFETY: Redis lends the place of the value until we return.
    let value = unsafe { (*value).cast::<T>() };
    let more = panics::catch("defrag", || {
        lent::assert_none();
        if T::data_type().health(value) == Health::Damaged {
            return false;
        }
        // SAFETY: Redis lends context and value until we return. It defragments between commands, when none of our values is lent,
        // as was just checked.
        let (mut turn, value) = unsafe { (Defrag::new(ctx), &mut *value) };
        let anew = turn.is_first();
        let more = value.show_buffers(&mut turn, anew);
        if more {
            turn.want_another();
        }
        more
    });
    if more.is_none() {
        T::data_type().damage(value as usize);
    }
    c_int::from(more.unwrap_or(false))
}

unsafe extern "C" fn unlinked<T: Stored>(ctx: *mut raw::RedisModuleKeyOptCtx, value: *const c_void) {
    // SAFETY: Redis lends context and value until we return.
    let (key, value) = unsafe { (UnlinkedKey::new(ctx), borrow::<T>(value)) };
    panics::catch("unlink", || {
        value.unlinked(key.db(), key.name());
        if let (Some(listener), Some(name)) = (ON_UNLINKED.get(), key.name()) {
            listener(key.db(), name.bytes());
        }
    });
}

unsafe extern "C" fn copy<T: Stored>(ctx: *mut raw::RedisModuleKeyOptCtx, value: *const c_void) -> *mut c_void {
    // SAFETY: Redis lends context and value until we return.
    let (target, value) = unsafe { (CopyTarget::new(ctx), borrow::<T>(value)) };
    if T::data_type().health(value) == Health::Damaged {
        return ptr::null_mut();
    }
    let copied = panics::catch("copy", || value.copy(&target));
    copied.map_or(ptr::null_mut(), |value| T::data_type().hand_over(value).cast())
}
