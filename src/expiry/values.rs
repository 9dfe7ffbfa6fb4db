//! The value of a watched key: how it is named and read, and how long before its end it is copied.

use crate::command::args::is;
use crate::command::{Call, Fail};
use crate::redis::call::{memory_usage, read};
use crate::redis::key::{Key, Kind, Look};
use crate::redis::{Ctx, Str};
use std::ffi::CStr;
use tsgen_engine::{Copied, LastValue};

/// The leads, in ms before the deadline, at which a value is copied: early, to have something should the server be held up; in good time;
/// and at the last moment, to have what was written last.
pub const LEADS: [i64; 3] = [500, 20, 2];

/// The first copies are made at most this many ms earlier, where very many keys end together: else there is no time for all of them.
pub const MOST_EARLY: i64 = 2_500;

/// The types of keys, as an entry names them.
const TYPES: [&CStr; 7] = [c"string", c"list", c"hash", c"set", c"zset", c"stream", c"module"];

pub fn type_number(kind: Kind) -> u8 {
    match kind {
        Kind::String => 0,
        Kind::List => 1,
        Kind::Hash => 2,
        Kind::Set => 3,
        Kind::SortedSet => 4,
        Kind::Stream => 5,
        Kind::Ours(_) | Kind::Module => 6,
    }
}

/// The number of a type from its name.
pub fn type_of(name: &Str) -> Option<u8> {
    (0..TYPES.len() as u8).find(|number| is(name, type_name(*number)))
}

pub fn type_name(number: u8) -> &'static str {
    type_word(number).to_str().unwrap_or_default()
}

/// The name of a type, as it is replicated.
pub fn type_word(number: u8) -> &'static CStr {
    TYPES.get(usize::from(number)).copied().unwrap_or(c"module")
}

/// The type and the value at the end of a command, if they are given.
pub fn value_named<'a>(call: &mut Call<'a>) -> Result<Option<LastValue<'a>>, Fail> {
    match call.args.next() {
        Some(kind) => {
            let kind = type_of(kind).ok_or(Fail::text("ERR type must be that of a key"))?;
            Ok(Some(LastValue { kind, bytes: call.args.next().map(Str::bytes) }))
        }
        None => Ok(None),
    }
}

/// What is done with a string whose value is to be copied.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Strings {
    /// It is copied, as any other type.
    Copied,
    /// It is not, because the server shows it at its end.
    Shown,
}

/// The outcome of an attempt to copy a value.
pub enum Copy {
    Made(Copied),
    /// The key is a string, whose value the server shows at its end.
    NotNeeded,
}

/// A copy of the value of a key, without its bytes if it is longer than `max`.
pub fn copy_of(ctx: &Ctx, name: &Str, max: u64, strings: Strings) -> Option<Copy> {
    let (kind, length) = {
        let key = Key::open_silently(ctx, name)?;
        let look = key.look();
        (look.kind()?, look.length())
    };
    if kind == Kind::String && strings == Strings::Shown {
        return Some(Copy::NotNeeded);
    }
    // Elements are at least a byte each, and a value that takes very much more memory than allowed need not be dumped to see that.
    let is_small = length as u64 <= max
        && (kind == Kind::String
            || memory_usage(ctx, name).is_some_and(|bytes| bytes.unsigned_abs() / 16 <= max + 4096));
    // The key may end between the two looks: then there is no copy, which is not the same as a value that is too large.
    let bytes = match kind {
        _ if !is_small => None,
        Kind::String => Some(read(ctx, c"GET", name).or_else(|| string_of(ctx, name))?.into()),
        _ => Some(read(ctx, c"DUMP", name)?.into()),
    };
    Some(Copy::Made(Copied { kind: type_number(kind), bytes }))
}

/// A copy of a string that is looked at, which ends no key. `None` if the key holds no string.
pub fn string_met(look: &Look, max: u64) -> Option<Copied> {
    (look.kind() == Some(Kind::String)).then(|| {
        let bytes = (look.length() as u64 <= max).then(|| look.string().into());
        Copied { kind: type_number(Kind::String), bytes }
    })
}

/// The bytes of a string, read without a command. A cluster node refuses commands on keys of slots that are only arriving, of slots that are
/// its master's, and of all slots while the cluster is down; keys end there all the same.
fn string_of(ctx: &Ctx, name: &Str) -> Option<Vec<u8>> {
    let key = Key::open_silently(ctx, name)?;
    let look = key.look();
    (look.kind() == Some(Kind::String)).then(|| look.string().to_vec())
}
