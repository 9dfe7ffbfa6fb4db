//! The error of a command whose key is of another type: it names the type that the key has.

use crate::command::fail::Fail;
use crate::redis::key::{Kind, Refused};

/// The error of a command of the family `wanted` whose key does not lend its value.
#[cold]
pub fn refusal(refused: Refused, wanted: &str) -> Fail {
    let Refused::WrongType(found) = refused else { return Fail::Damaged };
    let found = match found {
        Some(Kind::Ours(family)) => {
            return wrong_type(&format!("a {family} key, not a {wanted} key; its commands begin with {family}."))
        }
        Some(Kind::Module) => "a key of another module",
        Some(Kind::String) => "a string",
        Some(Kind::List) => "a list",
        Some(Kind::Hash) => "a hash",
        Some(Kind::Set) => "a set",
        Some(Kind::SortedSet) => "a sorted set",
        Some(Kind::Stream) => "a stream",
        None => "of a type that this module does not know",
    };
    wrong_type(&format!("{found}, not a {wanted} key"))
}

/// The error; it begins like Redis's own.
fn wrong_type(what: &str) -> Fail {
    format!("WRONGTYPE Operation against a key holding the wrong kind of value: it is {what}").into()
}
