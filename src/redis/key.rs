//! Opened keys, and the typed values of ours under them.

use super::datatype::{self, DataType, Health, Stored};
use super::panics;
use super::planted;
use super::{api, lent, log, Ctx, Str};
use redis_module::raw;
use std::marker::PhantomData;
use std::os::raw::c_int;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::thread;

/// An opened key; closed when dropped.
///
/// Opening or closing a key signals nothing: whoever changes a value says so (`Ctx::signal_modified`).
///
/// If the holder of a key panics while the value is lent to be changed, the value may be half changed: it is marked as damaged, and lent no
/// more.
pub struct Key<'c> {
    raw: NonNull<raw::RedisModuleKey>,
    ctx: &'c Ctx,
    /// How to mark the value that is lent to be changed, should its borrower panic.
    mark: Option<Mark>,
}

/// The modes for opening keys that this server knows beside reading and writing; none before 7.2.
fn modes() -> u32 {
    static MODES: OnceLock<u32> = OnceLock::new();
    *MODES.get_or_init(|| {
        // SAFETY: the table is filled at load; no argument.
        unsafe { raw::RedisModule_GetOpenKeyModesAll.map_or(0, |all| all() as u32) }
    })
}

/// Whether [`Key::peek`] ends no key and is allowed in an event of the key (7.2).
pub fn peeks_end_nothing() -> bool {
    modes() & raw::REDISMODULE_OPEN_KEY_NOEFFECTS == raw::REDISMODULE_OPEN_KEY_NOEFFECTS
}

/// Whether keys that have expired can be looked at ([`Key::peek_expired`]).
pub fn shows_expired() -> bool {
    let needed = raw::REDISMODULE_OPEN_KEY_NOEFFECTS | raw::REDISMODULE_OPEN_KEY_ACCESS_EXPIRED;
    modes() & needed == needed
}

/// Marks the value at an address as damaged.
type Mark = (fn(usize), usize);

/// A value whose key is about to be closed.
pub struct LastLook<'k, T> {
    pub value: &'k T,
    pub db: i32,
    pub name: &'k Str,
}

/// Why a key does not lend its value.
pub enum Refused {
    /// The key holds a value of this kind, which is not the type asked for; `None`: a kind that this module does not know.
    WrongType(Option<Kind>),
    /// Its value was damaged by a panic.
    Damaged,
}

impl<'c> Key<'c> {
    fn open(ctx: &'c Ctx, name: &Str, mode: u32) -> Option<Self> {
        // Opening may end a key whose time is over, and other code is told of that end.
        lent::assert_none();
        // SAFETY: a live context and key name.
        let raw = unsafe { api!(RedisModule_OpenKey(ctx.raw(), name.raw(), mode as c_int)) };
        NonNull::new(raw).map(|raw| Key { raw, ctx, mark: None })
    }

    /// Opens a key to change or create it.
    pub fn open_write(ctx: &'c Ctx, name: &Str) -> Option<Self> {
        Self::open(ctx, name, raw::REDISMODULE_READ | raw::REDISMODULE_WRITE)
    }

    /// Opens a key to look at it; `None` if it does not exist.
    pub fn open_read(ctx: &'c Ctx, name: &Str) -> Option<Self> {
        Self::open(ctx, name, raw::REDISMODULE_READ)
    }

    /// Opens a key to look at it in passing: as far as the server allows (7.2), this counts no hit, miss or use, and sends no event `keymiss`.
    /// A key that has expired is deleted by this, as by any other look.
    pub fn open_silently(ctx: &'c Ctx, name: &Str) -> Option<Self> {
        let silent = raw::REDISMODULE_OPEN_KEY_NONOTIFY | raw::REDISMODULE_OPEN_KEY_NOSTATS;
        Self::open(ctx, name, raw::REDISMODULE_READ | raw::REDISMODULE_OPEN_KEY_NOTOUCH | (silent & modes()))
    }

    /// Like [`Key::open_silently`], but a key that has expired is hidden and not deleted, where the server allows that (7.2).
    pub fn peek(ctx: &'c Ctx, name: &Str) -> Option<Self> {
        let quiet = raw::REDISMODULE_OPEN_KEY_NOEFFECTS & modes();
        Self::open(ctx, name, raw::REDISMODULE_READ | raw::REDISMODULE_OPEN_KEY_NOTOUCH | quiet)
    }

    /// Like [`Key::peek`], but a key that has expired is shown, where the server allows that ([`shows_expired`]).
    pub fn peek_expired(ctx: &'c Ctx, name: &Str) -> Option<Self> {
        let quiet = (raw::REDISMODULE_OPEN_KEY_NOEFFECTS | raw::REDISMODULE_OPEN_KEY_ACCESS_EXPIRED) & modes();
        Self::open(ctx, name, raw::REDISMODULE_READ | raw::REDISMODULE_OPEN_KEY_NOTOUCH | quiet)
    }

    pub fn db(&self) -> i32 {
        // SAFETY: an open key.
        unsafe { api!(RedisModule_GetDbIdFromModuleKey(self.raw.as_ptr())) }
    }

    pub fn name(&self) -> &Str {
        // SAFETY: an open key, which owns its name.
        unsafe { Str::borrow(api!(RedisModule_GetKeyNameFromModuleKey(self.raw.as_ptr())).cast_mut()) }
    }

    /// Whether there is nothing under the name.
    pub fn is_empty(&self) -> bool {
        // SAFETY: an open key.
        unsafe { api!(RedisModule_KeyType(self.raw.as_ptr())) == raw::REDISMODULE_KEYTYPE_EMPTY as c_int }
    }

    /// The address of the value, if it is of this type; `None` if the key is empty.
    fn find<T: Stored>(&self, of: &DataType<T>) -> Result<Option<NonNull<T>>, Refused> {
        // SAFETY: an open key; Redis answers null unless it holds a module's value.
        let stored_type = unsafe { api!(RedisModule_ModuleTypeGetType(self.raw.as_ptr())) };
        if stored_type.is_null() || stored_type != of.raw() {
            return if self.is_empty() { Ok(None) } else { Err(Refused::WrongType(self.look().kind())) };
        }
        // SAFETY: an open key that holds a value of `of`.
        let value = unsafe { api!(RedisModule_ModuleTypeGetValue(self.raw.as_ptr())) };
        Ok(NonNull::new(value.cast::<T>()))
    }

    fn find_sound<T: Stored>(&self, of: &DataType<T>) -> Result<Option<NonNull<T>>, Refused> {
        let found = self.find(of)?;
        match found.map(|value| of.health(value.as_ptr())) {
            Some(Health::Damaged) => Err(Refused::Damaged),
            _ => Ok(found),
        }
    }

    /// The value to be changed, if it is of this type; `None` if the key is empty.
    ///
    /// From the first call until the key is closed, opening another key or running other code on the keyspace panics.
    pub fn get<T: Stored>(&mut self, of: &DataType<T>) -> Result<Option<&mut T>, Refused> {
        let Some(mut value) = self.find_sound(of)? else { return Ok(None) };
        lent::lend(self.raw.as_ptr().cast());
        self.mark = Some((mark::<T>, value.as_ptr() as usize));
        planted::step();
        // SAFETY: the key holds a value of `of`, so what `DataType<T>` put there: a `Box<T>`. It is lent for as long as the key is
        // borrowed, and to nobody else; while it is, nothing runs that could free it (`lent`).
        Ok(Some(unsafe { value.as_mut() }))
    }

    /// The value to be looked at. Like `get`, except that a panic damages nothing.
    pub fn view<T: Stored>(&mut self, of: &DataType<T>) -> Result<Option<&T>, Refused> {
        let Some(value) = self.find_sound(of)? else { return Ok(None) };
        lent::lend(self.raw.as_ptr().cast());
        planted::step();
        // SAFETY: as in `get`.
        Ok(Some(unsafe { value.as_ref() }))
    }

    /// The value that this key has lent, once more before the key is closed; `None` if it has lent nothing, or a panic is under way.
    pub fn last_look<T: Stored>(&mut self, of: &DataType<T>) -> Option<LastLook<'_, T>> {
        if thread::panicking() || !lent::is_lender(self.raw.as_ptr().cast()) {
            return None;
        }
        let value = self.find(of).ok()??;
        // SAFETY: as in `get`: this key is who lends.
        Some(LastLook { value: unsafe { value.as_ref() }, db: self.db(), name: self.name() })
    }

    /// Marks the value as damaged if it is of a type of ours; false if it is not.
    pub fn damage(&self) -> bool {
        // SAFETY: an open key; Redis answers null unless it holds a module's value.
        let stored_type = unsafe { api!(RedisModule_ModuleTypeGetType(self.raw.as_ptr())) };
        let Some(ours) = datatype::ours(stored_type) else { return false };
        // SAFETY: an open key that holds a module's value.
        let value = unsafe { api!(RedisModule_ModuleTypeGetValue(self.raw.as_ptr())) };
        (ours.damage)(value as usize);
        self.report_damage();
        true
    }

    /// Tells the operator, and clients that wait for the key, that its value is damaged.
    fn report_damage(&self) {
        // SAFETY: an open key; its name lives as long as it.
        let name = unsafe { Str::borrow(api!(RedisModule_GetKeyNameFromModuleKey(self.raw.as_ptr()))) };
        let shown: String =
            name.bytes().iter().take(256).flat_map(|byte| byte.escape_ascii()).map(char::from).collect();
        log::warn(&format!(
            "the key '{shown}' of database {} was damaged by an internal error: its commands are refused until it is deleted or restored",
            self.ctx.db()
        ));
        self.ctx.signal_ready(name);
    }

    /// Stores a value in place of the old one, if there is any. The key must be open to write.
    pub fn set<T: Stored>(&mut self, of: &DataType<T>, value: Box<T>) -> bool {
        let value = of.hand_over(value);
        self.mark = None;
        // SAFETY: an open key; the value is of this type and Redis owns it from here on, unless it refuses.
        unsafe {
            let answer = api!(RedisModule_ModuleTypeSetValue(self.raw.as_ptr(), of.raw(), value.cast()));
            if answer == raw::REDISMODULE_OK as c_int {
                return true;
            }
            drop(of.take_back(value));
            false
        }
    }
}

impl Key<'_> {
    /// Lets the key live up to and including this millisecond, which is not negative. The key must be open to write and not empty.
    pub fn live_until(&mut self, unix_ms: i64) {
        // SAFETY: an open key; Redis refuses what it cannot take.
        unsafe { api!(RedisModule_SetAbsExpire(self.raw.as_ptr(), unix_ms)) };
    }

    /// Takes the time to live from the key.
    pub fn live_for_ever(&mut self) {
        self.live_until(i64::from(raw::REDISMODULE_NO_EXPIRE));
    }
}

/// What kind of value a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    String,
    List,
    Hash,
    Set,
    SortedSet,
    Stream,
    /// One of our types, with the word that its commands begin with.
    Ours(&'static str),
    /// A type of another module.
    Module,
}

/// A glance at an open key.
pub struct Look<'k> {
    key: NonNull<raw::RedisModuleKey>,
    _open: PhantomData<&'k ()>,
}

impl Look<'_> {
    /// # Safety
    /// `key` must stay open for `'k`.
    pub(super) unsafe fn at(key: NonNull<raw::RedisModuleKey>) -> Self {
        Look { key, _open: PhantomData }
    }

    /// The end of the key's life, in Unix ms; `None`: it lives for ever.
    pub fn deadline(&self) -> Option<i64> {
        // SAFETY: an open key.
        let at = unsafe { api!(RedisModule_GetAbsExpire(self.key.as_ptr())) };
        (at != i64::from(raw::REDISMODULE_NO_EXPIRE)).then_some(at)
    }

    /// The kind of its value; `None` if the key is empty.
    pub fn kind(&self) -> Option<Kind> {
        // SAFETY: an open key.
        let kind = unsafe { api!(RedisModule_KeyType(self.key.as_ptr())) };
        Some(match kind as isize {
            raw::REDISMODULE_KEYTYPE_STRING => Kind::String,
            raw::REDISMODULE_KEYTYPE_LIST => Kind::List,
            raw::REDISMODULE_KEYTYPE_HASH => Kind::Hash,
            raw::REDISMODULE_KEYTYPE_SET => Kind::Set,
            raw::REDISMODULE_KEYTYPE_ZSET => Kind::SortedSet,
            raw::REDISMODULE_KEYTYPE_STREAM => Kind::Stream,
            raw::REDISMODULE_KEYTYPE_MODULE => {
                // SAFETY: an open key.
                let stored_type = unsafe { api!(RedisModule_ModuleTypeGetType(self.key.as_ptr())) };
                datatype::ours(stored_type).map_or(Kind::Module, |ours| Kind::Ours(ours.prefix))
            }
            _ => return None,
        })
    }

    /// Bytes of a string, elements of anything else.
    pub fn length(&self) -> usize {
        // SAFETY: an open key.
        unsafe { api!(RedisModule_ValueLength(self.key.as_ptr())) }
    }

    /// The bytes of a string. Redis may store the string differently from then on, so this is only for keys that are about to go.
    pub fn string(&self) -> &[u8] {
        let mut length = 0;
        // SAFETY: an open key that holds a string; the bytes live until it is closed or changed.
        unsafe {
            let bytes = api!(RedisModule_StringDMA(self.key.as_ptr(), &mut length, raw::REDISMODULE_READ as c_int));
            if bytes.is_null() {
                return &[];
            }
            std::slice::from_raw_parts(bytes.cast(), length)
        }
    }
}

impl Key<'_> {
    /// A glance at the key.
    pub fn look(&self) -> Look<'_> {
        Look { key: self.raw, _open: PhantomData }
    }
}

/// Marks the value under this name as damaged, if it is one of ours: code that worked on the key has panicked, whether or not it had borrowed
/// the value.
pub fn damage(ctx: &Ctx, name: &Str) {
    if let Some(key) = Key::open_read(ctx, name) {
        key.damage();
    }
}

/// Runs `work` on the key of this name, in the selected database. A panic damages this key only, and work on other keys can go on; the answer
/// is `None` then. `what` names the work in the log.
pub fn fenced<R>(ctx: &Ctx, name: &Str, what: &str, work: impl FnOnce() -> R) -> Option<R> {
    let answer = panics::catch(what, work);
    if answer.is_none() {
        panics::catch("what follows a panic", || damage(ctx, name));
    }
    answer
}

/// Marks the value at an address as damaged.
fn mark<T: Stored>(address: usize) {
    T::data_type().damage(address);
}

impl Drop for Key<'_> {
    fn drop(&mut self) {
        lent::take_back(self.raw.as_ptr().cast());
        if let Some((damage, address)) = self.mark.filter(|_| thread::panicking()) {
            damage(address);
            self.report_damage();
        }
        // SAFETY: open, and closed once.
        unsafe { api!(RedisModule_CloseKey(self.raw.as_ptr())) };
    }
}
