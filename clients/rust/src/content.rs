//! What the families deliver.

use crate::codec::Decode;
use crate::error::BoxError;
use crate::name::Name;
use crate::reply::{at, bytes, integer, list, maybe_bytes, name, text};
use redis::Value;

/// A family of keys.
pub trait Family: Send + Sync + 'static {
    /// How its commands begin.
    const NAME: &'static str;
}

/// TSGEN: elements behind a watermark, or behind the clock.
pub struct Elements;
/// DEBOUNCE: groups that fire when they have been quiet.
pub struct Debounce;
/// EXPIRY: keys whose time to live has run out.
pub struct Expiry;
/// TALLY: sums by windows.
pub struct Tally;

impl Family for Elements {
    const NAME: &'static str = "TSGEN";
}
impl Family for Debounce {
    const NAME: &'static str = "DEBOUNCE";
}
impl Family for Expiry {
    const NAME: &'static str = "EXPIRY";
}
impl Family for Tally {
    const NAME: &'static str = "TALLY";
}

/// An entry as the server tells it: its id, and what comes behind that.
pub struct Entry<'a> {
    pub(crate) key: &'a Name,
    pub(crate) fields: &'a [Value],
}

/// What a [`Job`](crate::Job) carries, and so which family it is of: [`Group`], [`Expired`], [`Batch`], or the payload of an element of
/// TSGEN, which is anything that is [`Decode`].
pub trait Content: Sized + Send + 'static {
    /// The family that delivers it.
    type Family: Family;
    /// Reads it.
    fn read(entry: &Entry<'_>) -> Result<Self, BoxError>;
}

impl<T: Decode> Content for T {
    type Family = Elements;
    fn read(entry: &Entry<'_>) -> Result<Self, BoxError> {
        T::decode(maybe_bytes(at(entry.fields, 2)).unwrap_or_default())
    }
}

/// A group of DEBOUNCE has fired.
#[derive(Clone, Debug, PartialEq)]
pub struct Group<T> {
    /// `idle`, `maxwait`, `full` or `flush`.
    pub reason: String,
    /// In order of arrival.
    pub items: Vec<Item<T>>,
}

/// An item of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Item<T> {
    /// What was pushed.
    pub value: T,
    /// When, in Unix ms.
    pub at: i64,
}

pub(crate) fn items<T: Decode>(reply: &Value) -> Result<Vec<Item<T>>, BoxError> {
    let item = |pair: &[Value]| Ok(Item { value: T::decode(&bytes(&pair[0]))?, at: integer(&pair[1]) });
    list(reply).chunks_exact(2).map(item).collect()
}

impl<T: Decode> Content for Group<T> {
    type Family = Debounce;
    fn read(entry: &Entry<'_>) -> Result<Self, BoxError> {
        Ok(Self { reason: text(at(entry.fields, 1)), items: items(at(entry.fields, 2))? })
    }
}

/// A key whose time to live has run out, or that was evicted. Its name is the id of the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// `string`, `list` and so on; empty if the key could not be copied in time.
    pub kind: String,
    /// That of a string, and what DUMP returns of other types; `None` if it was not kept.
    pub value: Option<Vec<u8>>,
    /// When it ran out, in Unix ms.
    pub deadline: i64,
    /// `expired` or `evicted`.
    pub reason: String,
}

impl Content for Expired {
    type Family = Expiry;
    fn read(entry: &Entry<'_>) -> Result<Self, BoxError> {
        let field = |place| at(entry.fields, place);
        let value = maybe_bytes(field(2)).map(<[u8]>::to_vec);
        Ok(Self { kind: text(field(1)), value, deadline: integer(field(3)), reason: text(field(4)) })
    }
}

/// The sums of one window of TALLY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The key.
    pub key: Name,
    /// The same on redelivery: write it under a unique constraint, as `write_postgres` and `write_sqlite` do. 0 until it is first claimed.
    pub number: i64,
    /// When its first increment came, in Unix ms.
    pub opened_at: i64,
    /// When it was sealed, in Unix ms.
    pub sealed_at: i64,
    /// The sums by field, in byte order of these.
    pub sums: Vec<(Name, i64)>,
}

impl Content for Batch {
    type Family = Tally;
    fn read(entry: &Entry<'_>) -> Result<Self, BoxError> {
        let field = |place| at(entry.fields, place);
        Ok(Self {
            key: entry.key.clone(),
            number: integer(field(0)),
            opened_at: integer(field(1)),
            sealed_at: integer(field(2)),
            sums: list(field(3)).chunks_exact(2).map(|pair| (name(&pair[0]), integer(&pair[1]))).collect(),
        })
    }
}
