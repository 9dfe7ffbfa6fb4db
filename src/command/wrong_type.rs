//! What kinds of keys there are, ours and Redis's, as errors name them.

use crate::command::Fail;
use crate::debounce::family::Debounce;
use crate::delivery::family::Family;
use crate::expiry::family::Expiry;
use crate::redis::datatype::TypeId;
use crate::redis::key::{Kind, Refused};
use crate::tally::family::Tally;
use crate::throttle;
use crate::tsgen::family::Tsgen;

/// Our types, and what their commands begin with.
fn ours() -> [(TypeId, &'static str); 5] {
    [
        (Tsgen::data_type().id(), "TSGEN"),
        (Debounce::data_type().id(), "DEBOUNCE"),
        (Expiry::data_type().id(), "EXPIRY"),
        (Tally::data_type().id(), "TALLY"),
        (throttle::data_type().id(), "THROTTLE"),
    ]
}

/// The family of a type; `None` if it is another module's.
fn family_of(of: TypeId) -> Option<&'static str> {
    ours().into_iter().find(|(ours, _)| *ours == of).map(|(_, family)| family)
}

/// Whether this type is one of ours.
pub fn is_ours(of: TypeId) -> bool {
    family_of(of).is_some()
}

/// How many keys of ours are damaged.
pub fn damages() -> usize {
    let queues = Tsgen::data_type().damages() + Debounce::data_type().damages() + Expiry::data_type().damages();
    queues + Tally::data_type().damages() + throttle::data_type().damages()
}

/// The error of a command of the family `wanted` whose key does not lend its value.
#[cold]
pub fn refusal(refused: Refused, wanted: &str) -> Fail {
    let Refused::WrongType(found) = refused else { return Fail::Damaged };
    let found = match found {
        Some(Kind::Module(of)) => match family_of(of) {
            Some(family) => {
                return wrong_type(&format!("a {family} key, not a {wanted} key; its commands begin with {family}."))
            }
            None => "a key of another module",
        },
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

/// Begins as Redis's own does.
fn wrong_type(what: &str) -> Fail {
    format!("WRONGTYPE Operation against a key holding the wrong kind of value: it is {what}").into()
}
