//! The body of an entry: how the key ended (1 byte), whether its type is known (1), its type (1), whether there is a value (1), the value.

use crate::error::Error;

/// How a watched key ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Its time to live ran out.
    Expired,
    /// It was evicted before that.
    Evicted,
}

impl Ending {
    /// All of them.
    pub const ALL: [Ending; 2] = [Ending::Expired, Ending::Evicted];

    /// The number that stands for it in the body of an entry.
    fn code(self) -> u8 {
        match self {
            Ending::Expired => 0,
            Ending::Evicted => 1,
        }
    }

    fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|ending| ending.code() == code)
    }
}

/// An expiry as its worker sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired<'a> {
    /// How the key ended.
    pub ending: Ending,
    /// The type of its value, if it was seen in time.
    pub kind: Option<u8>,
    /// Its value, if that was kept.
    pub value: Option<&'a [u8]>,
}

/// The value that a key ended with, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastValue<'a> {
    /// The type of the key, as whoever saw the value numbers types.
    pub kind: u8,
    /// The value, if it was kept.
    pub bytes: Option<&'a [u8]>,
}

/// How many types of keys there are.
pub(super) const KINDS: u8 = 7;

const HEADER: usize = 4;

/// The body of the entry of a key that has ended like this; with its type, and its value, if these are known.
pub(super) fn of(ending: Ending, value: Option<LastValue<'_>>) -> Vec<u8> {
    let (kind, bytes) = (value.map(|value| value.kind), value.and_then(|value| value.bytes));
    let mut body = Vec::with_capacity(HEADER + bytes.map_or(0, <[u8]>::len));
    body.extend([ending.code(), u8::from(kind.is_some()), kind.unwrap_or(0), u8::from(bytes.is_some())]);
    body.extend_from_slice(bytes.unwrap_or_default());
    body
}

/// What the body of an entry says. A body from a snapshot must have passed its check.
pub fn expired(body: &[u8]) -> Expired<'_> {
    let (code, kind, value) = match body {
        [code, 1, kind, 1, value @ ..] => (*code, Some(*kind), Some(value)),
        [code, 1, kind, ..] => (*code, Some(*kind), None),
        [code, ..] => (*code, None, None),
        [] => (0, None, None),
    };
    Expired { ending: Ending::of(code).unwrap_or(Ending::Expired), kind, value }
}

/// Bytes of the value that the body of an entry has.
pub(super) fn value_size(body: &[u8]) -> usize {
    expired(body).value.map_or(0, <[u8]>::len)
}

/// Fails unless this is the body of an expiry.
pub(super) fn check_expired(body: &[u8]) -> Result<(), Error> {
    let is_whole = match body {
        [_, 1, kind, 1, ..] | [_, 1, kind, 0] => *kind < KINDS,
        rest => matches!(rest, [_, 0, 0, 0]),
    };
    let ending = body.first().and_then(|code| Ending::of(*code));
    ending.filter(|_| is_whole).map(drop).ok_or(Error::Damaged("an impossible expiry"))
}
