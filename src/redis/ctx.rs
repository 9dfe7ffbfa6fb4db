//! The context of a callback: who calls, which database, what time it is.

use super::planted;
use super::{api, lent, Str};
use redis_module::raw;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::os::raw::{c_int, c_longlong, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The context of the callback we are in.
///
/// Never constructed: `&Ctx` is a `RedisModuleCtx` pointer with a lifetime.
#[repr(transparent)]
pub struct Ctx {
    _opaque: raw::RedisModuleCtx,
    /// Never sent to another thread.
    _here: PhantomData<*mut ()>,
}

/// The module's own context, for code that is given none: timers, subscriptions, log lines of background threads.
static OWN: AtomicPtr<raw::RedisModuleCtx> = AtomicPtr::new(ptr::null_mut());

/// What this node is to others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Master,
    Replica,
}

/// How a command begins that is replicated with its time: `AT ms command`.
#[derive(Clone, Copy)]
pub struct Envelope<'a> {
    pub at: &'a CStr,
    pub ms: i64,
    pub command: &'a CStr,
}

/// What Redis tells of itself and of the caller.
#[derive(Clone, Copy)]
pub struct Flags(c_int);

impl Flags {
    fn has(self, flag: u32) -> bool {
        self.0 & flag as c_int != 0
    }

    pub fn role(self) -> Role {
        if self.has(raw::REDISMODULE_CTX_FLAGS_MASTER) {
            Role::Master
        } else {
            Role::Replica
        }
    }

    pub fn is_master(self) -> bool {
        self.role() == Role::Master
    }

    /// Data is being loaded, perhaps beside older data that clients still read (`repl-diskless-load swapdb`).
    pub fn is_loading(self) -> bool {
        self.has(raw::REDISMODULE_CTX_FLAGS_LOADING | raw::REDISMODULE_CTX_FLAGS_ASYNC_LOADING)
    }

    /// This server is a node of a cluster.
    pub fn is_cluster(self) -> bool {
        self.has(raw::REDISMODULE_CTX_FLAGS_CLUSTER)
    }

    /// The command came from our master.
    pub fn is_replicated(self) -> bool {
        self.has(raw::REDISMODULE_CTX_FLAGS_REPLICATED)
    }

    /// The command must not block: it runs in MULTI, in a script, or for a module that cannot wait.
    pub fn denies_blocking(self) -> bool {
        self.has(raw::REDISMODULE_CTX_FLAGS_DENY_BLOCKING)
    }
}

impl Ctx {
    /// # Safety
    /// `raw` must be a context that Redis keeps alive for `'a`.
    pub(super) unsafe fn borrow<'a>(raw: *mut raw::RedisModuleCtx) -> &'a Ctx {
        // SAFETY: the caller vouches for the pointer; `Ctx` has the layout of what it points to.
        unsafe { &*raw.cast::<Ctx>() }
    }

    pub(super) fn raw(&self) -> *mut raw::RedisModuleCtx {
        ptr::from_ref(self).cast_mut().cast()
    }

    /// Makes the module's own context; once, at load.
    pub(super) fn make_own(&self) {
        // SAFETY: called from load with a live context; what Redis makes is never freed.
        let own = unsafe { api!(RedisModule_GetDetachedThreadSafeContext(self.raw())) };
        OWN.store(own, Ordering::Release);
    }

    /// The module's own context. `None` only before `make_own`. Private to this folder: any thread may ask for it, but threads other than the
    /// main one may use it for log lines only.
    pub(super) fn own() -> Option<&'static Ctx> {
        let own = NonNull::new(OWN.load(Ordering::Acquire))?;
        // SAFETY: made by Redis in `make_own` and never freed.
        Some(unsafe { Ctx::borrow(own.as_ptr()) })
    }

    pub fn flags(&self) -> Flags {
        // SAFETY: a live context.
        Flags(unsafe { api!(RedisModule_GetContextFlags(self.raw())) })
    }

    pub fn db(&self) -> i32 {
        // SAFETY: a live context.
        unsafe { api!(RedisModule_GetSelectedDb(self.raw())) }
    }

    /// Whether the user of the current client may read a key of this name. True if there is no user.
    pub fn may_read(&self, key: &Str) -> bool {
        // SAFETY: a live context; names and users are freed once, after use.
        unsafe {
            let name = api!(RedisModule_GetCurrentUserName(self.raw()));
            if name.is_null() {
                return true;
            }
            let user = api!(RedisModule_GetModuleUserFromUserName(name));
            api!(RedisModule_FreeString(self.raw(), name));
            if user.is_null() {
                return false;
            }
            let flags = raw::REDISMODULE_CMD_KEY_ACCESS as c_int;
            let allowed =
                api!(RedisModule_ACLCheckKeyPermissions(user, key.raw(), flags)) == raw::REDISMODULE_OK as c_int;
            api!(RedisModule_FreeModuleUser(user));
            allowed
        }
    }

    /// Selects a database. False if there is no such database.
    pub fn select_db(&self, db: i32) -> bool {
        // SAFETY: a live context.
        unsafe { api!(RedisModule_SelectDb(self.raw(), db)) == raw::REDISMODULE_OK as c_int }
    }

    /// Ends the connection of the client of the current command once it has its reply. The connection to our master stays, because a master
    /// gets no reply; a script, a call by a module and the AOF have no connection to end.
    pub(super) fn close_client(&self) {
        let flags = self.flags();
        if flags.is_replicated() || flags.is_loading() {
            return;
        }
        // SAFETY: a live context; an id that is no connection's is an error answer.
        unsafe {
            let id = api!(RedisModule_GetClientId(self.raw()));
            api!(RedisModule_DeauthenticateAndCloseClient(self.raw(), id));
        }
    }

    /// Replicates the command of the client as it was sent.
    pub fn replicate_verbatim(&self) {
        planted::step();
        // SAFETY: a live context.
        unsafe { api!(RedisModule_ReplicateVerbatim(self.raw())) };
    }

    /// Replicates `command name arguments…`, a command of ours that does not depend on time.
    pub fn replicate_on(&self, command: &CStr, name: &Str, arguments: &[&Str]) {
        planted::step();
        // SAFETY: a live context; "s" is a string of Redis, "v" an array with its length. Redis copies what it needs.
        unsafe {
            api!(RedisModule_Replicate(
                self.raw(),
                command.as_ptr(),
                c"sv".as_ptr(),
                name.raw(),
                arguments.as_ptr(),
                arguments.len()
            ))
        };
    }

    /// Replicates a command of Redis itself; the server knows where its keys are.
    pub fn replicate_native(&self, command: &CStr, arguments: &[&Str]) {
        // SAFETY: a live context; "v" is an array with its length. Redis copies what it needs.
        unsafe {
            api!(RedisModule_Replicate(
                self.raw(),
                command.as_ptr(),
                c"v".as_ptr(),
                arguments.as_ptr(),
                arguments.len()
            ))
        };
    }

    /// Replicates `AT ms command arguments…`.
    pub fn replicate_at(&self, at: &CStr, ms: i64, command: &CStr, arguments: &[&Str]) {
        planted::step();
        // SAFETY: a live context; "l" is a long long, "c" a C string, "v" an array with its length. Redis copies what it needs.
        unsafe {
            api!(RedisModule_Replicate(
                self.raw(),
                at.as_ptr(),
                c"lcv".as_ptr(),
                c_longlong::from(ms),
                command.as_ptr(),
                arguments.as_ptr(),
                arguments.len()
            ))
        };
    }

    /// Replicates `AT ms command names… word number … [word strings…]` without building strings: for commands that come often.
    pub fn replicate_at_with(
        &self,
        Envelope { at, ms, command }: Envelope<'_>,
        names: [&Str; 2],
        options: [(&CStr, i64); 3],
        more: Option<(&CStr, &[&Str])>,
    ) {
        planted::step();
        let format = if more.is_some() { c"lcssclclclcv" } else { c"lcssclclcl" };
        let (word4, strings) = more.unwrap_or((c"", &[]));
        let [(word1, number1), (word2, number2), (word3, number3)] = options;
        // SAFETY: as in `replicate_at`; "s" is a string of Redis. What the format does not ask for is not read.
        unsafe {
            api!(RedisModule_Replicate(
                self.raw(),
                at.as_ptr(),
                format.as_ptr(),
                c_longlong::from(ms),
                command.as_ptr(),
                names[0].raw(),
                names[1].raw(),
                word1.as_ptr(),
                c_longlong::from(number1),
                word2.as_ptr(),
                c_longlong::from(number2),
                word3.as_ptr(),
                c_longlong::from(number3),
                word4.as_ptr(),
                strings.as_ptr(),
                strings.len()
            ))
        };
    }

    /// Replicates `AT ms command names… number [words…] [bytes]`, without building strings. `words` are at most two.
    pub fn replicate_end(
        &self,
        Envelope { at, ms, command }: Envelope<'_>,
        names: [&Str; 2],
        number: i64,
        words: [Option<&CStr>; 2],
        bytes: Option<&[u8]>,
    ) {
        let mut given = words.into_iter().flatten().map(CStr::as_ptr);
        let (first, second) = (given.next(), given.next());
        let format = match (first, second, bytes) {
            (None, ..) => c"lcssl",
            (Some(_), None, None) => c"lcsslc",
            (Some(_), None, Some(_)) => c"lcsslcb",
            (Some(_), Some(_), None) => c"lcsslcc",
            (Some(_), Some(_), Some(_)) => c"lcsslccb",
        };
        let (number, ms) = (c_longlong::from(number), c_longlong::from(ms));
        let (bytes, length) = bytes.map_or((ptr::null(), 0), |bytes| (bytes.as_ptr(), bytes.len()));
        let [name, other] = names.map(Str::raw);
        // A call of a function with variable arguments must spell out each argument.
        macro_rules! replicate {
            ($($more:expr),*) => {
                api!(RedisModule_Replicate(
                    self.raw(), at.as_ptr(), format.as_ptr(), ms, command.as_ptr(), name, other, number $(, $more)*
                ))
            };
        }
        // SAFETY: as in `replicate_at`; "b" is a buffer with its length. What the format does not ask for is not read, and what it asks for stands
        // in its place: `second` only behind `first`.
        unsafe {
            match (first, second) {
                (Some(first), Some(second)) => replicate!(first, second, bytes, length),
                (Some(first), None) => replicate!(first, bytes, length),
                (None, _) => replicate!(),
            }
        };
    }

    /// Tells WATCH and client-side caches that the key has changed.
    pub fn signal_modified(&self, key: &Str) {
        planted::step();
        // SAFETY: a live context and key name.
        unsafe { api!(RedisModule_SignalModifiedKey(self.raw(), key.raw())) };
    }

    /// Asks clients that are blocked on the key, once the current command or timer is done.
    pub fn signal_ready(&self, key: &Str) {
        // SAFETY: a live context and key name.
        unsafe { api!(RedisModule_SignalKeyAsReady(self.raw(), key.raw())) };
    }

    /// Sends a keyspace event of class `d`.
    pub fn notify(&self, event: &CStr, key: &Str) {
        lent::assert_none();
        planted::step();
        // SAFETY: a live context, event name and key name.
        unsafe {
            api!(RedisModule_NotifyKeyspaceEvent(self.raw(), raw::REDISMODULE_NOTIFY_MODULE, event.as_ptr(), key.raw()))
        };
    }
}

/// Whether the server is Valkey, which also offers its functions under names of its own.
pub fn is_valkey() -> bool {
    let mut found: *mut c_void = ptr::null_mut();
    // SAFETY: filled before the table; it takes a C string and where to put a pointer.
    unsafe { api!(RedisModule_GetApi(c"ValkeyModule_SetModuleOptions".as_ptr(), ptr::from_mut(&mut found).cast())) };
    !found.is_null()
}

/// The server's clock, in Unix milliseconds.
pub fn unix_ms() -> i64 {
    // SAFETY: no argument; filled in at load.
    unsafe { api!(RedisModule_Milliseconds()) }
}

/// A clock of the server that nobody sets, in microseconds since some moment.
pub fn monotonic_us() -> u64 {
    // SAFETY: no argument; filled in at load.
    unsafe { api!(RedisModule_MonotonicMicroseconds()) }
}

/// The time by which the running command judges whether a key has expired, in Unix milliseconds; `None` before Redis 7.2.
pub fn command_ms() -> Option<i64> {
    // SAFETY: the table is filled at load; no argument.
    unsafe { raw::RedisModule_CachedMicroseconds.map(|cached| cached() / 1_000) }
}

/// The server's clock, in Unix microseconds. Before Redis 7.2 the clock of the machine, which is the same.
pub fn unix_us() -> i64 {
    // SAFETY: the table is filled at load; no argument.
    if let Some(microseconds) = unsafe { raw::RedisModule_Microseconds } {
        // SAFETY: as above.
        return unsafe { microseconds() };
    }
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// True while nothing may be written because a pause, failover or shutdown waits for replicas. A write that replicates
/// now would abort the server.
pub fn must_not_write() -> bool {
    // SAFETY: no argument; filled in at load.
    unsafe { api!(RedisModule_AvoidReplicaTraffic()) != 0 }
}

/// Unpredictable numbers, for hash seeds.
pub fn random_seed() -> [u64; 2] {
    let mut bytes = [0u8; 16];
    // SAFETY: pointer and length are of one array.
    unsafe { api!(RedisModule_GetRandomBytes(bytes.as_mut_ptr(), bytes.len())) };
    let (low, high) = bytes.split_at(8);
    let word = |half: &[u8]| half.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
    [word(low), word(high)]
}
