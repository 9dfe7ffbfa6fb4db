//! Entries with their content, page by page.

use crate::content::{Content, Entry};
use crate::error::BoxError;
use crate::name::Name;
use crate::reply::{at, integer, list, maybe_bytes, maybe_integer, name, pairs, text};
use redis::Value;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for the watermark; of TSGEN only.
    Waiting,
    /// It can be claimed.
    Ready,
    /// It comes back later.
    Delayed,
    /// Somebody has it.
    Leased,
    /// It is a dead letter.
    Dead,
}

impl State {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Ready => "READY",
            Self::Delayed => "DELAYED",
            Self::Leased => "LEASED",
            Self::Dead => "DEAD",
        }
    }
}

/// A page of [`Key::peek`](crate::Key::peek).
#[derive(Debug)]
pub struct Page<T> {
    /// For the page behind it; "0": there is none.
    pub cursor: String,
    /// In the order of the state.
    pub entries: Vec<Peeked<T>>,
}

/// An entry as it stands.
#[derive(Debug)]
pub struct Peeked<T> {
    /// Of its last delivery; `None` if there was none.
    pub token: Option<i64>,
    /// How often it was delivered.
    pub deliveries: i64,
    /// Who has it.
    pub consumer: Option<Name>,
    /// When its lease or its delay ends, in Unix ms.
    pub until: Option<i64>,
    /// What the last NACK said of a dead letter.
    pub reason: Option<Name>,
    /// When it became one, in Unix ms.
    pub died_at: Option<i64>,
    /// Whether its group is at its limit, so that it is held back.
    pub held: bool,
    /// Its group, in keys with GROUPLIMIT or FAIR.
    pub group: Option<Name>,
    /// How large its content is, in bytes.
    pub bytes: i64,
    /// Its id, group, watched key or batch.
    pub id: Name,
    /// That of an element of TSGEN; 0 in other families.
    pub timestamp: i64,
    /// The content. It may be missing, if it is very large.
    pub content: Result<T, BoxError>,
}

impl<T: Content> Page<T> {
    pub(crate) fn of(key: &Name, reply: &Value) -> Self {
        let of = list(reply);
        let entries = list(at(of, 1)).iter().map(|entry| Peeked::of(key, &pairs(entry))).collect();
        Self { cursor: text(at(of, 0)), entries }
    }
}

impl<T: Content> Peeked<T> {
    fn of(key: &Name, fields: &[(String, &Value)]) -> Self {
        let find = |name: &str| fields.iter().find(|(own, _)| own == name).map_or(&Value::Nil, |(_, value)| *value);
        let entry = list(find("entry"));
        let read = || T::read(&Entry { key, fields: entry });
        Self {
            token: maybe_integer(find("token")),
            deliveries: integer(find("deliveries")),
            consumer: maybe_bytes(find("consumer")).map(Name::from),
            until: maybe_integer(find("until")),
            reason: maybe_bytes(find("reason")).map(Name::from),
            died_at: maybe_integer(find("died-at")),
            held: integer(find("held")) == 1,
            group: maybe_bytes(find("group")).map(Name::from),
            bytes: integer(find("bytes")),
            id: name(at(entry, 0)),
            timestamp: maybe_integer(at(entry, 1)).unwrap_or_default(),
            content: catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("panic in the codec".into())),
        }
    }
}
