//! Collecting groups in a snapshot.

use super::items::{Hash, Items, Reason};
use super::{Collected, Idle};
use crate::entries::{Handle, Place, MAX_NAME, MAX_SEQ};
use crate::error::Error;
use crate::time::UnixMs;
use serde::{Deserialize, Serialize};

/// A collecting group in a snapshot.
#[derive(Serialize, Deserialize)]
pub struct SavedGroup<'a> {
    pub(super) seq: u64,
    #[serde(borrow, with = "serde_bytes")]
    pub(super) name: &'a [u8],
    #[serde(borrow, with = "serde_bytes")]
    pub(super) items: &'a [u8],
    pub(super) fires_at: UnixMs,
    pub(super) by_max_wait: bool,
}

impl Idle {
    /// All groups that collect, in the order in which they began, each with about how many bytes it takes.
    pub(super) fn saved_groups(&self) -> impl Iterator<Item = (usize, SavedGroup<'_>)> {
        let seq = |group: &Collected| (self.heads.place(group.handle).seq, group.handle);
        let mut groups: Vec<(u64, Handle)> = self.groups.iter().map(seq).collect();
        groups.sort_unstable();
        groups.into_iter().map(|(seq, handle)| {
            let (head, name) = (self.head(handle), self.heads.name(handle));
            let group = self.group(head);
            let saved = SavedGroup {
                seq,
                name,
                items: group.items.as_bytes(),
                fires_at: self.fires_at(head),
                by_max_wait: group.reason == Reason::MaxWait,
            };
            (name.len() + group.items.size(), saved)
        })
    }

    /// Takes in a group that was collecting when the snapshot was taken; returns its number. Fails on what cannot have been collected.
    pub(super) fn adopt_group(&mut self, saved: &SavedGroup<'_>) -> Result<u64, Error> {
        let hash = self.hash(saved.name);
        if saved.name.len() > MAX_NAME {
            return Err(Error::Damaged("a name too long"));
        }
        // Before it is entered: there is no room for a greater one.
        if saved.seq > MAX_SEQ {
            return Err(Error::Damaged("impossible place"));
        }
        if self.find(saved.name, hash).is_some() {
            return Err(Error::Damaged("a group stands twice"));
        }
        let hash_item = |item: &[u8]| self.hash(item);
        let unique: Option<Hash<'_>> = if self.rules.unique { Some(&hash_item) } else { None };
        let items = Items::load(saved.items, unique)?;
        let reason = if saved.by_max_wait { Reason::MaxWait } else { Reason::Idle };
        let place = Place { key: saved.fires_at.0, seq: saved.seq };
        self.begin(saved.name, hash, place, items, reason);
        Ok(saved.seq)
    }
}
