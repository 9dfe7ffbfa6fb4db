//! Tracked keys in a snapshot.

use super::{body, Copied, Ttl, Watched};
use crate::entries::MAX_NAME;
use crate::error::Error;
use crate::time::UnixMs;
use serde::{Deserialize, Serialize};

const IMPOSSIBLE_KEY: &str = "an impossible tracked key";

/// A tracked key in a snapshot.
#[derive(Serialize, Deserialize)]
pub struct SavedKey<'a> {
    #[serde(borrow, with = "serde_bytes")]
    name: &'a [u8],
    pub(super) deadline: UnixMs,
    #[serde(borrow)]
    value: Option<SavedValue<'a>>,
    evicted: bool,
}

#[derive(Serialize, Deserialize)]
struct SavedValue<'a> {
    kind: u8,
    #[serde(borrow, with = "serde_bytes")]
    bytes: Option<&'a [u8]>,
}

impl Ttl {
    /// All tracked keys, in order of their deadlines, each with about how many bytes it takes.
    pub(super) fn saved_keys(&self) -> impl Iterator<Item = (usize, SavedKey<'_>)> {
        self.deadlines.iter().map(|head| {
            let (name, watched) = (self.heads.name(head), self.watched(head));
            let value =
                watched.value.as_ref().map(|value| SavedValue { kind: value.kind, bytes: value.bytes.as_deref() });
            let saved = SavedKey { name, deadline: self.deadline(head), value, evicted: watched.evicted };
            (name.len() + watched.size() + 16, saved)
        })
    }

    /// Fails on what no watcher of these prefixes can have tracked.
    pub(super) fn check_saved(&self, saved: &SavedKey<'_>) -> Result<(), Error> {
        let known_kind = saved.value.as_ref().is_none_or(|value| value.kind < body::KINDS);
        let fits = saved.name.len() <= MAX_NAME && saved.deadline.0 >= 0 && known_kind;
        if !fits || !self.rules.covers(saved.name) {
            return Err(Error::Damaged(IMPOSSIBLE_KEY));
        }
        Ok(())
    }

    /// Takes in a key that was tracked when the snapshot was taken. Fails on what cannot have been tracked.
    pub(super) fn adopt_key(&mut self, saved: SavedKey<'_>) -> Result<(), Error> {
        self.check_saved(&saved)?;
        if self.find(saved.name).is_some() {
            return Err(Error::Damaged(IMPOSSIBLE_KEY));
        }
        let value = saved.value.map(|value| Copied { kind: value.kind, bytes: value.bytes.map(Into::into) });
        self.begin(saved.name, saved.deadline, Watched { value, evicted: saved.evicted, ..Watched::default() });
        Ok(())
    }
}
