//! Module configs: numbers that CONFIG GET, CONFIG SET and redis.conf see.

use super::{api, Ctx};
use redis_module::raw;
use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_longlong, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI64, Ordering};

/// One config; its name is prefixed with the module's.
pub struct Number {
    pub name: &'static CStr,
    pub value: AtomicI64,
    pub min: i64,
    pub max: i64,
}

impl Number {
    pub const fn new(name: &'static CStr, default: i64, min: i64, max: i64) -> Self {
        Number { name, value: AtomicI64::new(default), min, max }
    }

    pub fn get(&self) -> i64 {
        self.value.load(Ordering::Relaxed)
    }

    /// The value of a config that is never negative.
    pub fn unsigned(&self) -> u64 {
        u64::try_from(self.get()).unwrap_or(0)
    }

    /// Registers a config that is `yes` or `no`.
    fn register_switch(&'static self, ctx: &Ctx) -> bool {
        // SAFETY: a live context during load; `self` lives for ever and is what the callbacks expect.
        unsafe {
            api!(RedisModule_RegisterBoolConfig(
                ctx.raw(),
                self.name.as_ptr(),
                c_int::from(self.get() != 0),
                raw::REDISMODULE_CONFIG_DEFAULT,
                Some(get_switch),
                Some(set_switch),
                None,
                ptr::from_ref(self).cast_mut().cast()
            )) == raw::REDISMODULE_OK as c_int
        }
    }

    /// Registers a config that is a number within its range.
    fn register(&'static self, ctx: &Ctx) -> bool {
        // SAFETY: as in `register_switch`.
        unsafe {
            api!(RedisModule_RegisterNumericConfig(
                ctx.raw(),
                self.name.as_ptr(),
                self.get(),
                raw::REDISMODULE_CONFIG_DEFAULT,
                self.min,
                self.max,
                Some(get_number),
                Some(set_number),
                None,
                ptr::from_ref(self).cast_mut().cast()
            )) == raw::REDISMODULE_OK as c_int
        }
    }
}

/// A config as the operator sees it.
#[derive(Clone, Copy)]
pub enum Config {
    Number(&'static Number),
    /// `yes` or `no`.
    Switch(&'static Number),
}

impl Config {
    /// Registers the config with Redis; at load.
    pub fn register(self, ctx: &Ctx) -> bool {
        match self {
            Config::Number(number) => number.register(ctx),
            Config::Switch(number) => number.register_switch(ctx),
        }
    }
}

/// Takes the values of the configs from redis.conf; after the last registration.
pub fn load(ctx: &Ctx) -> bool {
    // SAFETY: a live context during load.
    unsafe { api!(RedisModule_LoadConfigs(ctx.raw())) == raw::REDISMODULE_OK as c_int }
}

/// # Safety
/// `data` must be what a `Number` was registered with.
unsafe fn value<'a>(data: *mut c_void) -> &'a AtomicI64 {
    // SAFETY: the caller vouches; the number is static.
    unsafe { &(*data.cast::<Number>()).value }
}

unsafe extern "C" fn get_number(_: *const c_char, data: *mut c_void) -> c_longlong {
    // SAFETY: registered with a `Number`.
    unsafe { value(data) }.load(Ordering::Relaxed)
}

unsafe extern "C" fn set_number(
    _: *const c_char,
    new: c_longlong,
    data: *mut c_void,
    _: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: registered with a `Number`.
    unsafe { value(data) }.store(new, Ordering::Relaxed);
    raw::REDISMODULE_OK as c_int
}

unsafe extern "C" fn get_switch(_: *const c_char, data: *mut c_void) -> c_int {
    // SAFETY: registered with a `Number`.
    c_int::from(unsafe { value(data) }.load(Ordering::Relaxed) != 0)
}

unsafe extern "C" fn set_switch(
    _: *const c_char,
    new: c_int,
    data: *mut c_void,
    _: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: registered with a `Number`.
    unsafe { value(data) }.store(i64::from(new), Ordering::Relaxed);
    raw::REDISMODULE_OK as c_int
}
