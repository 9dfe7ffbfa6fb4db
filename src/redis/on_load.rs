//! The entry point of the module: `RedisModule_OnLoad`.

use super::allocator::Allocator;
use super::ctx::is_valkey;
use super::panics;
use super::{api, log, Ctx};
use std::ffi::CStr;
use std::os::raw::c_int;

/// For `entry_point!`.
pub use redis_module::raw;

/// The option in `valkeymodule.h` (9.0) without which no slot of a Valkey cluster moves as a whole. The option of 9.2, for saving without a
/// fork, is not declared: there is no such server to try it on yet.
const VALKEY_HANDLE_ATOMIC_SLOT_MIGRATION: u32 = 1 << 5;

/// Allocates all our memory from Redis: it is counted in `used_memory` and subject to maxmemory.
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// The names of functions that this server lacks, among the functions that came last into the API of 7.0.
fn missing() -> Vec<&'static str> {
    macro_rules! lacking {
        ($($name:ident),* $(,)?) => {
            // SAFETY: `RedisModule_Init` has filled the table, and nothing changes it after that.
            unsafe { [$((stringify!($name), { let function = raw::$name; function.is_none() })),*] }
        };
    }
    let asked = lacking![
        RedisModule_SetCommandInfo,
        RedisModule_GetCommand,
        RedisModule_KeyAtPosWithFlags,
        RedisModule_RegisterNumericConfig,
        RedisModule_RegisterBoolConfig,
        RedisModule_LoadConfigs,
        RedisModule_BlockClientOnKeys,
        RedisModule_SignalKeyAsReady,
        RedisModule_AvoidReplicaTraffic,
        RedisModule_GetDbIdFromIO,
        RedisModule_GetToKeyNameFromOptCtx,
        RedisModule_GetToDbIdFromOptCtx,
        RedisModule_GetDetachedThreadSafeContext,
        RedisModule_ReplyWithMap,
        RedisModule_RegisterInfoFunc,
        RedisModule_SubscribeToServerEvent,
        RedisModule_SetModuleOptions,
        RedisModule_Scan,
        RedisModule_GetCurrentUserName,
        RedisModule_GetModuleUserFromUserName,
        RedisModule_ACLCheckKeyPermissions,
        RedisModule_GetUsedMemoryRatio,
        RedisModule_GetDbIdFromOptCtx,
        RedisModule_GetKeyNameFromOptCtx,
        RedisModule_GetClientId,
        RedisModule_DeauthenticateAndCloseClient,
        RedisModule_GetKeyNameFromModuleKey,
    ];
    asked.into_iter().filter(|(_, lacks)| *lacks).map(|(name, _)| name).collect()
}

/// The module that is loaded.
pub struct Module {
    pub name: &'static CStr,
    /// The version as Redis counts it, one number.
    pub version: c_int,
    /// Registers everything. False if Redis refused something: the module is not loaded then.
    pub start: fn(&Ctx) -> bool,
}

/// Defines `RedisModule_OnLoad`, the one symbol that Redis looks for, for a [`Module`].
macro_rules! entry_point {
    ($module:expr) => {
        /// Redis calls this to load the module.
        ///
        /// # Safety
        /// Only for Redis: `ctx` must be the context of a module that is being loaded.
        #[allow(unsafe_code)]
        #[no_mangle]
        pub unsafe extern "C" fn RedisModule_OnLoad(
            ctx: *mut $crate::redis::on_load::raw::RedisModuleCtx,
            _argv: *mut *mut $crate::redis::on_load::raw::RedisModuleString,
            argc: std::os::raw::c_int,
        ) -> std::os::raw::c_int {
            // SAFETY: Redis vouches for the context.
            unsafe { $crate::redis::on_load::load(&$module, ctx, argc) }
        }
    };
}
pub(crate) use entry_point;

/// Loads the module, and returns the answer of `RedisModule_OnLoad`.
///
/// # Safety
/// `ctx` must be the context of a module that is being loaded.
pub unsafe fn load(module: &Module, ctx: *mut raw::RedisModuleCtx, argc: c_int) -> c_int {
    let refused = raw::REDISMODULE_ERR as c_int;
    // SAFETY: Redis lends the context; nothing of the API is used before this call has filled its table, and no memory
    // is allocated before it either, for the allocator is part of that table.
    unsafe {
        let version = raw::REDISMODULE_APIVER_1 as c_int;
        if raw::Export_RedisModule_Init(ctx, module.name.as_ptr(), module.version, version) == refused {
            // The table is filled all the same, so the reason can be logged.
            log::warn(&format!("a module of the name {} is loaded already", module.name.to_string_lossy()));
            return refused;
        }
    }
    // SAFETY: a live context until we return.
    let ctx = unsafe { Ctx::borrow(ctx) };
    let loaded = panics::catch("loading", || prepare(ctx, argc) && (module.start)(ctx)).unwrap_or(false);
    if loaded {
        raw::REDISMODULE_OK as c_int
    } else {
        refused
    }
}

/// Checks that the server has all that we need, and sets the options of the module.
fn prepare(ctx: &Ctx, argc: c_int) -> bool {
    let missing = missing();
    if !missing.is_empty() {
        log::warn(&format!("this server is too old: tsgen needs Redis 7.0 or newer (missing: {})", missing.join(", ")));
        return false;
    }
    if argc != 0 {
        log::warn("tsgen takes no load arguments; set tsgen.* in redis.conf or with CONFIG SET");
        return false;
    }
    ctx.make_own();
    let mut options = raw::REDISMODULE_OPTIONS_HANDLE_IO_ERRORS
        | raw::REDISMODULE_OPTIONS_HANDLE_REPL_ASYNC_LOAD
        | raw::REDISMODULE_OPTION_NO_IMPLICIT_SIGNAL_MODIFIED;
    if is_valkey() {
        // On other servers this bit may come to mean something else.
        options |= VALKEY_HANDLE_ATOMIC_SLOT_MIGRATION;
    }
    // SAFETY: a live context during load.
    unsafe { api!(RedisModule_SetModuleOptions(ctx.raw(), options as c_int)) };
    true
}
