//! Opened keys, and the typed values of ours under them.

use super::datatype::{DataType, Stored};
use super::{api, Ctx, Str};
use redis_module::raw;
use std::marker::PhantomData;
use std::os::raw::c_int;
use std::ptr::NonNull;

/// An opened key; closed when dropped.
///
/// Opening or closing it signals nothing: whoever changes a value says so (`Ctx::signal_modified`).
pub struct Key<'c> {
    raw: NonNull<raw::RedisModuleKey>,
    _ctx: PhantomData<&'c Ctx>,
}

/// The key holds something that is not of the type asked for.
pub struct WrongType;

impl<'c> Key<'c> {
    fn open(ctx: &'c Ctx, name: &Str, mode: u32) -> Option<Self> {
        // SAFETY: a live context and key name.
        let raw = unsafe { api!(RedisModule_OpenKey(ctx.raw(), name.raw(), mode as c_int)) };
        NonNull::new(raw).map(|raw| Key { raw, _ctx: PhantomData })
    }

    /// To change or create it.
    pub fn open_write(ctx: &'c Ctx, name: &Str) -> Option<Self> {
        Self::open(ctx, name, raw::REDISMODULE_READ | raw::REDISMODULE_WRITE)
    }

    /// To look at it; `None` if it does not exist.
    pub fn open_read(ctx: &'c Ctx, name: &Str) -> Option<Self> {
        Self::open(ctx, name, raw::REDISMODULE_READ)
    }

    /// Whether there is nothing under the name.
    pub fn is_empty(&self) -> bool {
        // SAFETY: an open key.
        unsafe { api!(RedisModule_KeyType(self.raw.as_ptr())) == raw::REDISMODULE_KEYTYPE_EMPTY as c_int }
    }

    /// The value, if it is of this type; `None` if the key is empty.
    pub fn get<T: Stored>(&mut self, of: &DataType<T>) -> Result<Option<&mut T>, WrongType> {
        // SAFETY: an open key; Redis answers null unless it holds a module's value.
        let stored_type = unsafe { api!(RedisModule_ModuleTypeGetType(self.raw.as_ptr())) };
        if stored_type.is_null() || stored_type != of.raw() {
            return if self.is_empty() { Ok(None) } else { Err(WrongType) };
        }
        // SAFETY: the key holds a value of `of`, so what `DataType<T>` put there: a `Box<T>`. It is lent for as long
        // as the key is borrowed; while it is, nothing calls back into Redis that could free it (`keyspace`).
        unsafe { Ok(Some(&mut *api!(RedisModule_ModuleTypeGetValue(self.raw.as_ptr())).cast::<T>())) }
    }

    /// Stores a value, in place of whatever was there. The key must be open to write.
    pub fn set<T: Stored>(&mut self, of: &DataType<T>, value: Box<T>) -> bool {
        let value = Box::into_raw(value);
        // SAFETY: an open key; the value is of this type and Redis owns it from here on, unless it refuses.
        unsafe {
            let answer = api!(RedisModule_ModuleTypeSetValue(self.raw.as_ptr(), of.raw(), value.cast()));
            if answer == raw::REDISMODULE_OK as c_int {
                return true;
            }
            drop(Box::from_raw(value));
            false
        }
    }
}

impl Drop for Key<'_> {
    fn drop(&mut self) {
        // SAFETY: open, and closed once.
        unsafe { api!(RedisModule_CloseKey(self.raw.as_ptr())) };
    }
}
