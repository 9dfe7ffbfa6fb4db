//! What INFO tells of a key.

use crate::name::Name;
use crate::reply::{list, name, pairs};
use redis::Value;
use std::fmt;
use std::ops::Index;

/// A value of INFO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Figure {
    /// A count, a length in ms, or a time in Unix ms.
    Integer(i64),
    /// A word, or a name.
    Text(Name),
    /// Names.
    Names(Vec<Name>),
    /// There is none.
    Nil,
}

impl Figure {
    pub(crate) fn of(reply: &Value) -> Self {
        match reply {
            Value::Int(n) => Self::Integer(*n),
            Value::Nil => Self::Nil,
            Value::Array(_) | Value::Set(_) => Self::Names(list(reply).iter().map(name).collect()),
            _ => Self::Text(name(reply)),
        }
    }

    /// Its number; 0 if it is none.
    pub fn integer(&self) -> i64 {
        match self {
            Self::Integer(n) => *n,
            _ => 0,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(n) => n.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Names(names) => f.write_str(&names.iter().map(Name::to_string).collect::<Vec<_>>().join(" ")),
            Self::Nil => f.write_str("-"),
        }
    }
}

impl PartialEq<i64> for Figure {
    fn eq(&self, n: &i64) -> bool {
        matches!(self, Self::Integer(own) if own == n)
    }
}

impl PartialEq<&str> for Figure {
    fn eq(&self, text: &&str) -> bool {
        matches!(self, Self::Text(own) if own == text)
    }
}

/// Gate, counts by state, ages, totals and options of a key, by the server's names and in its order: `info["ready"]`. What all families
/// count has a field of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// `clock`, `external` or `sources` in TSGEN; `idle`, `ttl`, `window` in the other families.
    pub gate: String,
    /// Behind the gate; in DEBOUNCE and TALLY what is collecting.
    pub waiting: i64,
    /// What can be claimed.
    pub ready: i64,
    /// Entries with a running lease.
    pub leased: i64,
    /// What is delayed after a failed delivery.
    pub delayed: i64,
    /// Dead letters.
    pub dead: i64,
    /// Whether the key hands out nothing.
    pub paused: bool,
    /// How old the oldest ready entry is, in ms; `None` if none is ready.
    pub oldest_ready_age: Option<i64>,
    /// All that the server tells.
    pub figures: Vec<(String, Figure)>,
}

impl Info {
    pub(crate) fn of(reply: &Value) -> Self {
        let figures: Vec<_> = pairs(reply).into_iter().map(|(name, value)| (name, Figure::of(value))).collect();
        let find = |name: &str| figures.iter().find(|(own, _)| own == name).map_or(&Figure::Nil, |(_, figure)| figure);
        let count = |name| find(name).integer();
        Self {
            gate: find("gate").to_string(),
            waiting: count("waiting") + count("collecting"),
            ready: count("ready"),
            leased: count("leased"),
            delayed: count("delayed"),
            dead: count("dead"),
            paused: *find("paused") == "yes",
            oldest_ready_age: match find("oldest-ready-age") {
                Figure::Integer(age) => Some(*age),
                _ => None,
            },
            figures,
        }
    }
}

impl Index<&str> for Info {
    type Output = Figure;
    /// `Figure::Nil` if the server tells nothing of this name.
    fn index(&self, name: &str) -> &Figure {
        self.figures.iter().find(|(own, _)| own == name).map_or(&Figure::Nil, |(_, figure)| figure)
    }
}
