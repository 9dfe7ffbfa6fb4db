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

/// How many types of keys there are.
pub(super) const KINDS: u8 = 7;

const HEADER: usize = 4;

/// The body of the entry of a key that has ended like this; with its type, and its value, if these are known.
pub(super) fn of(ending: Ending, value: Option<(u8, Option<&[u8]>)>) -> Vec<u8> {
    let (kind, bytes) = value.map_or((None, None), |(kind, bytes)| (Some(kind), bytes));
    let mut body = Vec::with_capacity(HEADER + bytes.map_or(0, <[u8]>::len));
    body.extend([ending as u8, u8::from(kind.is_some()), kind.unwrap_or(0), u8::from(bytes.is_some())]);
    body.extend_from_slice(bytes.unwrap_or_default());
    body
}

/// What the body of an entry says. A body from a snapshot must have passed its check.
pub fn expired(body: &[u8]) -> Expired<'_> {
    let (ending, kind, value) = match body {
        [ending, 1, kind, 1, value @ ..] => (*ending, Some(*kind), Some(value)),
        [ending, 1, kind, ..] => (*ending, Some(*kind), None),
        [ending, ..] => (*ending, None, None),
        [] => (0, None, None),
    };
    Expired { ending: if ending == 1 { Ending::Evicted } else { Ending::Expired }, kind, value }
}

/// Bytes of the value that the body of an entry has.
pub(super) fn value_size(body: &[u8]) -> usize {
    expired(body).value.map_or(0, <[u8]>::len)
}

/// Fails unless this is the body of an expiry.
pub(super) fn check_expired(body: &[u8]) -> Result<(), Error> {
    match body {
        [0 | 1, 1, kind, 1, ..] | [0 | 1, 1, kind, 0] if *kind < KINDS => Ok(()),
        [0 | 1, 0, 0, 0] => Ok(()),
        _ => Err(Error::Damaged("an impossible expiry")),
    }
}
