//! Commands: how Redis calls them, and how they are registered with Redis.

use super::acl::Categories;
use super::argument::{Argument, Kind};
use super::owed::Reply;
use super::panics;
use super::{api, Ctx, Str};
use redis_module::raw;
use std::ffi::{CStr, CString};
use std::os::raw::{c_char, c_int};
use std::ptr;

/// The code that runs when a client sends a command.
pub trait Handler {
    /// Whether the command finds its keys itself (flag getkeys-api). Such a command must be replicated in an envelope whose keys are at fixed
    /// places: a master of Redis 8.4 and newer that feeds a slot migration asks each replicated command for its keys, and the end of that
    /// call would replicate again, and ask again, until the stack is full.
    const FINDS_KEYS: bool;

    /// Runs the command; `argv` starts with its name. It replies in any case.
    fn handle(ctx: &Ctx, argv: &[&Str]);

    /// Finds the positions of its keys.
    fn find_keys(argv: &[&Str], request: &KeyRequest<'_>);
}

/// The function by which Redis calls a handler.
#[derive(Clone, Copy)]
pub struct EntryPoint(unsafe extern "C" fn(*mut raw::RedisModuleCtx, *mut *mut raw::RedisModuleString, c_int) -> c_int);

impl EntryPoint {
    pub fn of<H: Handler>() -> Self {
        EntryPoint(entry::<H>)
    }
}

unsafe extern "C" fn entry<H: Handler>(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: Redis lends context and arguments until we return.
    let (ctx, argv) = unsafe { (Ctx::borrow(ctx), Str::borrow_all(argv, argc)) };
    if H::FINDS_KEYS {
        if let Some(request) = KeyRequest::of(ctx) {
            panics::catch("the keys of a command", || H::find_keys(argv, &request));
            return raw::REDISMODULE_OK as c_int;
        }
    }
    let reply = Reply::begin();
    if panics::catch("a command", || H::handle(ctx, argv)).is_none() {
        reply.complete(ctx);
        ctx.close_client();
    }
    raw::REDISMODULE_OK as c_int
}

/// A request for key positions, by COMMAND GETKEYS, ACL or cluster, where the key specs alone cannot tell them.
pub struct KeyRequest<'c>(&'c Ctx);

impl<'c> KeyRequest<'c> {
    /// `Some` if the command shall not run but only tell its keys.
    fn of(ctx: &'c Ctx) -> Option<Self> {
        // SAFETY: a live context.
        let asked = unsafe { api!(RedisModule_IsKeysPositionRequest(ctx.raw())) } != 0;
        asked.then_some(KeyRequest(ctx))
    }

    /// Reports a key at this position of argv. The command changes the key and does not reveal its content.
    pub fn key_at(&self, position: usize) {
        self.report(position, raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_UPDATE);
    }

    /// Reports a key at this position of argv. The command reads and changes the key.
    pub fn read_key_at(&self, position: usize) {
        let update = raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_UPDATE;
        self.report(position, update | raw::REDISMODULE_CMD_KEY_ACCESS);
    }

    fn report(&self, position: usize, flags: u32) {
        let Ok(position) = c_int::try_from(position) else { return };
        // SAFETY: a live context during a keys-position request.
        unsafe { api!(RedisModule_KeyAtPosWithFlags(self.0.raw(), position, flags as c_int)) };
    }
}

/// Where a command's key is, and what is done to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum KeySpec {
    /// The key at this position is only read.
    Read(c_int),
    /// The key at this position is changed, and its content is not revealed. Write permission is enough (ACL `%W~`).
    Update(c_int),
    /// The key at this position is read and changed.
    ReadUpdate(c_int),
    /// At this position stands a number, and so many keys follow. They are read and changed. The handler finds them too: a cluster of Redis 7.0
    /// does not go by such a spec. So the command must not be replicated itself (see [`Handler::FINDS_KEYS`]).
    Counted(c_int),
    /// The key stands after this word, if the word is there; the handler tells the exact place.
    After(&'static CStr),
}

/// All that Redis is told of a command.
pub struct Registration<'a> {
    pub name: &'a CStr,
    pub flags: &'a str,
    pub summary: &'a str,
    pub complexity: &'a str,
    pub since: &'a str,
    pub arity: c_int,
    pub keys: &'a [KeySpec],
    pub arguments: &'a [Argument],
}

/// Registers a command with Redis; at load. False if Redis refuses it.
pub fn register(ctx: &Ctx, entry: EntryPoint, command: &Registration<'_>, categories: Categories) -> bool {
    let mut texts = Texts::default();
    let first_key = command.keys.iter().find_map(|key| match key {
        KeySpec::Read(at) | KeySpec::Update(at) | KeySpec::ReadUpdate(at) => Some(*at),
        KeySpec::Counted(_) | KeySpec::After(_) => None,
    });
    let (first, step) = first_key.map_or((0, 0), |at| (at, 1));
    let flags = texts.keep(command.flags);
    // SAFETY: a live context during load, and C strings that live through the call.
    let created = unsafe {
        api!(RedisModule_CreateCommand(ctx.raw(), command.name.as_ptr(), Some(entry.0), flags, first, first, step))
    };
    created == raw::REDISMODULE_OK as c_int && describe(ctx, command, categories, &mut texts)
}

fn describe(ctx: &Ctx, command: &Registration<'_>, categories: Categories, texts: &mut Texts) -> bool {
    let version = raw::RedisModuleCommandInfoVersion {
        version: 1,
        sizeof_historyentry: size_of::<raw::RedisModuleCommandHistoryEntry>(),
        sizeof_keyspec: size_of::<raw::RedisModuleCommandKeySpec>(),
        sizeof_arg: size_of::<raw::RedisModuleCommandArg>(),
    };
    let mut keys = key_specs(command.keys);
    let arguments = texts.arguments(command.arguments);
    let info = raw::RedisModuleCommandInfo {
        version: &version,
        summary: texts.keep(command.summary),
        complexity: texts.keep(command.complexity),
        since: texts.keep(command.since),
        history: ptr::null_mut(),
        tips: ptr::null(),
        arity: command.arity,
        key_specs: keys.as_mut_ptr(),
        args: arguments,
    };
    // SAFETY: the command was just created; everything `info` points to lives through the call, which copies it.
    unsafe {
        let created = api!(RedisModule_GetCommand(ctx.raw(), command.name.as_ptr()));
        !created.is_null()
            && api!(RedisModule_SetCommandInfo(created, &info)) == raw::REDISMODULE_OK as c_int
            && categories.enter(created, command.flags)
    }
}

/// The specs, and the all-zero one that ends the list.
fn key_specs(keys: &[KeySpec]) -> Vec<raw::RedisModuleCommandKeySpec> {
    // If the handler tells keys itself, the specs are incomplete, and Redis asks the handler.
    let told = keys.iter().any(|key| matches!(key, KeySpec::After(_)));
    let incomplete = if told { raw::REDISMODULE_CMD_KEY_INCOMPLETE } else { 0 };
    let flags = |key: &KeySpec| match key {
        KeySpec::Read(_) => raw::REDISMODULE_CMD_KEY_RO | raw::REDISMODULE_CMD_KEY_ACCESS,
        KeySpec::Update(_) | KeySpec::After(_) => raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_UPDATE,
        KeySpec::ReadUpdate(_) | KeySpec::Counted(_) => {
            raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_ACCESS | raw::REDISMODULE_CMD_KEY_UPDATE
        }
    };
    let spec = |key: &KeySpec| {
        let mut spec = no_spec();
        spec.flags = u64::from(incomplete | flags(key));
        match key {
            KeySpec::Read(at) | KeySpec::Update(at) | KeySpec::ReadUpdate(at) | KeySpec::Counted(at) => {
                spec.begin_search_type = raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INDEX;
                spec.bs.index.pos = *at;
            }
            KeySpec::After(word) => {
                spec.begin_search_type = raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_KEYWORD;
                spec.bs.keyword =
                    raw::RedisModuleCommandKeySpec__bindgen_ty_1__bindgen_ty_2 { keyword: word.as_ptr(), startfrom: 2 };
            }
        }
        if let KeySpec::Counted(_) = key {
            spec.find_keys_type = raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_KEYNUM;
            spec.fk.keynum =
                raw::RedisModuleCommandKeySpec__bindgen_ty_2__bindgen_ty_2 { keynumidx: 0, firstkey: 1, keystep: 1 };
        } else {
            spec.find_keys_type = raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_RANGE;
            spec.fk.range =
                raw::RedisModuleCommandKeySpec__bindgen_ty_2__bindgen_ty_1 { lastkey: 0, keystep: 1, limit: 0 };
        }
        spec
    };
    keys.iter().map(spec).chain([no_spec()]).collect()
}

fn no_spec() -> raw::RedisModuleCommandKeySpec {
    // SAFETY: a plain C struct of numbers, pointers and unions of these, for which all zeros are what ends a list.
    unsafe { std::mem::zeroed() }
}

/// Keeps what the C structs of one registration point to.
#[derive(Default)]
struct Texts {
    strings: Vec<CString>,
    lists: Vec<Box<[raw::RedisModuleCommandArg]>>,
}

impl Texts {
    fn keep(&mut self, text: &str) -> *const c_char {
        self.strings.push(CString::new(text).unwrap_or_default());
        self.strings.last().map_or(ptr::null(), |text| text.as_ptr())
    }

    fn arguments(&mut self, arguments: &[Argument]) -> *mut raw::RedisModuleCommandArg {
        let mut list: Vec<_> = arguments.iter().map(|argument| self.argument(argument)).collect();
        list.push(no_argument());
        self.lists.push(list.into_boxed_slice());
        self.lists.last_mut().map_or(ptr::null_mut(), |list| list.as_mut_ptr())
    }

    fn argument(&mut self, argument: &Argument) -> raw::RedisModuleCommandArg {
        let mut told = no_argument();
        told.name = self.keep(&argument.name);
        told.token = argument.token.as_deref().map_or(ptr::null(), |token| self.keep(token));
        if argument.optional {
            told.flags |= raw::REDISMODULE_CMD_ARG_OPTIONAL as c_int;
        }
        if argument.multiple {
            told.flags |= raw::REDISMODULE_CMD_ARG_MULTIPLE as c_int;
        }
        if argument.repeats_token {
            told.flags |= raw::REDISMODULE_CMD_ARG_MULTIPLE_TOKEN as c_int;
        }
        told.type_ = match argument.kind {
            Kind::Text => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING,
            Kind::Integer => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_INTEGER,
            Kind::Time => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_UNIX_TIME,
            Kind::Word => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PURE_TOKEN,
            Kind::OneOf => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_ONEOF,
            Kind::Block => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_BLOCK,
            Kind::Key(spec) => {
                told.key_spec_index = spec;
                raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_KEY
            }
        };
        if !argument.parts.is_empty() {
            told.subargs = self.arguments(&argument.parts);
        }
        told
    }
}

fn no_argument() -> raw::RedisModuleCommandArg {
    raw::RedisModuleCommandArg {
        name: ptr::null(),
        type_: raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING,
        key_spec_index: -1,
        token: ptr::null(),
        summary: ptr::null(),
        since: ptr::null(),
        flags: 0,
        deprecated_since: ptr::null(),
        subargs: ptr::null_mut(),
        display_text: ptr::null(),
    }
}
