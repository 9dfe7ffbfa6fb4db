//! What an export has written: with that what moves while it reads is in it, and once.
//!
//! What is ready is read twice, in the beginning and at the end. In between come those in hand before those that are delayed or dead, and then
//! what is behind the gate: what moves by itself goes to a state that is read later. In the second reading only those are new that stand there more
//! often than they were written.

use super::State;
use crate::bytes::Bytes;
use crate::carried::Carried;
use crate::entries::{Entry, LARGEST_SHOWN};
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash, Hasher};

/// What an entry is known by, whichever state it is in. Two of a million entries have the same with a chance of 10^-17.
type Mark = [u8; 12];

/// Which reading of which state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Ready,
    Leased,
    Delayed,
    Dead,
    Waiting,
    ReadyAgain,
}

impl Reading {
    /// What PEEK is asked for, and what the line says.
    pub fn of(self) -> (tsgen_client::State, State) {
        match self {
            Self::Ready | Self::ReadyAgain => (tsgen_client::State::Ready, State::Ready),
            Self::Leased => (tsgen_client::State::Leased, State::Leased),
            Self::Delayed => (tsgen_client::State::Delayed, State::Delayed),
            Self::Dead => (tsgen_client::State::Dead, State::Dead),
            Self::Waiting => (tsgen_client::State::Waiting, State::Waiting),
        }
    }
}

#[derive(Default)]
pub struct Written {
    keys: [RandomState; 2],
    /// Those that can be ready in the end, with how often each was written.
    counts: HashMap<Mark, u32>,
    /// The same of the second reading.
    again: HashMap<Mark, u32>,
    /// Deliveries that were written.
    tokens: HashSet<i64>,
    /// Groups that were written while they collected, by name, and may be too large to be shown once they have fired: between how many bytes.
    large: HashMap<u64, Vec<(i64, i64)>>,
}

/// Between how many bytes the server says that these items take. It keeps each with its length, and with the time between it and the first.
fn size_of(items: &[(Bytes, i64)]) -> (i64, i64) {
    let sum = |each: usize| items.iter().map(|(item, _)| item.0.len() + each).sum::<usize>();
    let bytes = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
    (bytes(sum(2)), bytes(sum(20) + 20))
}

impl Written {
    /// Whether an entry is to be written. Then it counts as written.
    pub fn takes(&mut self, reading: Reading, entry: &Entry<Carried>) -> bool {
        let mark = self.mark(entry);
        match (reading, entry.token) {
            (Reading::Ready | Reading::Waiting, _) => {
                self.count(mark);
                if let (Reading::Waiting, Some(Carried::Group { items, .. })) = (reading, &entry.content) {
                    let (least, most) = size_of(items);
                    if most > LARGEST_SHOWN {
                        self.large.entry(self.keys[0].hash_one(&entry.id)).or_default().push((least, most));
                    }
                }
                true
            }
            (Reading::Leased | Reading::Delayed | Reading::Dead, token) => {
                // Between these three an entry keeps the token of its last delivery.
                let is_new = token.is_none_or(|token| self.tokens.insert(token));
                if is_new && reading != Reading::Dead {
                    self.count(mark);
                }
                is_new
            }
            (Reading::ReadyAgain, _) => {
                let seen = self.again.entry(mark).or_default();
                *seen += 1;
                *seen > self.counts.get(&mark).copied().unwrap_or(0) && !self.was_collecting(entry)
            }
        }
    }

    /// Whether this group, whose items the server does not show, was written while it collected; each is so once.
    fn was_collecting(&mut self, entry: &Entry<Carried>) -> bool {
        let Some(large) = self.large.get_mut(&self.keys[0].hash_one(&entry.id)) else { return false };
        let is_one = |(least, most): &(i64, i64)| (*least..=*most).contains(&entry.bytes);
        let found = large.iter().position(is_one).filter(|_| entry.content.is_none());
        found.map(|nth| large.swap_remove(nth)).is_some()
    }

    /// What is ready is read once more.
    pub fn anew(&mut self) {
        for (mark, seen) in std::mem::take(&mut self.again) {
            let count = self.counts.entry(mark).or_default();
            *count = seen.max(*count);
        }
    }

    /// It was not written after all: it comes in a state that is read later.
    pub fn leaves(&mut self, entry: &Entry<Carried>) {
        let mark = self.mark(entry);
        if let Some(token) = entry.token {
            self.tokens.remove(&token);
        }
        if let Some(count) = self.counts.get_mut(&mark) {
            *count = count.saturating_sub(1);
        }
    }

    fn count(&mut self, mark: Mark) {
        *self.counts.entry(mark).or_default() += 1;
    }

    fn mark(&self, entry: &Entry<Carried>) -> Mark {
        let [one, other] = self.keys.each_ref().map(|key| {
            let mut hasher = key.build_hasher();
            let is_batch = matches!(entry.content, Some(Carried::Sums { .. }));
            // A batch has a number once it was delivered, and none any more once it was released.
            if !is_batch {
                (&entry.id, entry.timestamp).hash(&mut hasher);
            }
            match &entry.content {
                // What is known of a group before it has fired, and of a key before its end.
                Some(Carried::Group { items, .. }) => items.hash(&mut hasher),
                Some(Carried::Key { deadline, .. }) => deadline.hash(&mut hasher),
                Some(Carried::Sums { opened_at, sealed_at, sums }) => (opened_at, sealed_at, sums).hash(&mut hasher),
                // Of an element no other has the same id, and the next run has another time. But one that has taken the place of another may
                // have its time as well; then it was never delivered, or carries something else.
                Some(Carried::Payload(payload)) => (payload, entry.deliveries > 0).hash(&mut hasher),
                None if entry.timestamp.is_some() => (entry.bytes, entry.deliveries > 0).hash(&mut hasher),
                // Too large to be shown: of a key its end is told all the same, of a batch when it was sealed.
                None => match entry.ended_at {
                    Some(ended_at) if !entry.id.0.is_empty() => ended_at.hash(&mut hasher),
                    ended_at => (ended_at, entry.bytes).hash(&mut hasher),
                },
            }
            hasher.finish().to_le_bytes()
        });
        let mut mark = Mark::default();
        mark[..8].copy_from_slice(&one);
        mark[8..].copy_from_slice(&other[..4]);
        mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(token: Option<i64>, id: &str, content: Option<Carried>) -> Entry<Carried> {
        Entry { token, content, ..Entry::waiting(Bytes::from(id), None, 0) }
    }

    fn group(id: &str, pushed_at: i64) -> Entry<Carried> {
        let items = vec![(Bytes::from("item"), pushed_at)];
        entry(None, id, Some(Carried::Group { reason: "idle".to_owned(), items }))
    }

    #[test]
    fn what_moves_to_a_state_that_is_read_later_is_written_once() {
        let mut written = Written::default();
        let leased = entry(Some(7), "a", None);
        assert!(written.takes(Reading::Leased, &leased));
        assert!(!written.takes(Reading::Delayed, &leased) && !written.takes(Reading::Dead, &leased));
        assert!(written.takes(Reading::Delayed, &entry(Some(8), "b", None)));
        // In hand when it was listed, and dead when it was asked for.
        let died = entry(Some(6), "d", None);
        assert!(written.takes(Reading::Leased, &died));
        written.leaves(&died);
        assert!(written.takes(Reading::Dead, &died) && written.takes(Reading::ReadyAgain, &entry(None, "d", None)));
        // Its token is forgotten once it is ready.
        assert!(!written.takes(Reading::ReadyAgain, &entry(None, "b", None)));
        assert!(written.takes(Reading::Dead, &entry(Some(9), "c", None)));
        // What died is requeued meanwhile, and so is there twice.
        assert!(written.takes(Reading::ReadyAgain, &entry(None, "c", None)));
        assert!(written.takes(Reading::Waiting, &group("g", 5)));
        assert!(!written.takes(Reading::ReadyAgain, &group("g", 5)));
        assert!(written.takes(Reading::ReadyAgain, &group("g", 6)));
    }

    #[test]
    fn equal_ones_are_counted() {
        let mut written = Written::default();
        assert!(written.takes(Reading::Ready, &group("g", 5)) && written.takes(Reading::Ready, &group("g", 5)));
        assert!(written.takes(Reading::Waiting, &group("g", 5)));
        let again: Vec<bool> = (0..4).map(|_| written.takes(Reading::ReadyAgain, &group("g", 5))).collect();
        assert_eq!(again, [false, false, false, true]);
    }

    #[test]
    fn a_group_whose_items_are_not_shown_is_the_one_that_collected_them() {
        let items: Vec<_> = (0..5).map(|_| (Bytes::from(vec![b'x'; 1 << 20]), 5)).collect();
        let fired = |bytes| Entry { bytes, ..entry(None, "g", None) };
        let mut written = Written::default();
        // Another one of this name has fired before.
        assert!(written.takes(Reading::Ready, &fired(6 << 20)));
        let collects = entry(None, "g", Some(Carried::Group { reason: String::new(), items }));
        assert!(written.takes(Reading::Waiting, &collects));
        let again =
            [6 << 20, (5 << 20) + 30, (5 << 20) + 30].map(|bytes| written.takes(Reading::ReadyAgain, &fired(bytes)));
        assert_eq!(again, [false, false, true]);
        // Nothing has come when it is read once more.
        written.anew();
        let again =
            [6 << 20, (5 << 20) + 30, (5 << 20) + 30].map(|bytes| written.takes(Reading::ReadyAgain, &fired(bytes)));
        assert_eq!(again, [false, false, false]);
        // With what was pushed to it meanwhile it is another one.
        assert!(written.takes(Reading::ReadyAgain, &fired(7 << 20)));
    }

    #[test]
    fn an_element_that_has_taken_the_place_of_another_is_one_of_its_own() {
        let element = |deliveries, payload: &str| Entry {
            deliveries,
            timestamp: Some(5),
            ..entry(None, "e", Some(Carried::Payload(Bytes::from(payload))))
        };
        let mut written = Written::default();
        assert!(written.takes(Reading::Leased, &Entry { token: Some(1), ..element(1, "x") }));
        let again =
            [element(1, "x"), element(0, "x"), element(1, "y")].map(|entry| written.takes(Reading::ReadyAgain, &entry));
        assert_eq!(again, [false, true, true]);
    }

    #[test]
    fn batches_are_known_by_what_they_hold() {
        let batch = |token, id, sealed_at| {
            entry(token, id, Some(Carried::Sums { opened_at: 0, sealed_at, sums: vec![("f".into(), 1)] }))
        };
        let mut written = Written::default();
        assert!(
            written.takes(Reading::Ready, &batch(None, "", 5))
                && written.takes(Reading::Leased, &batch(Some(1), "3", 4))
        );
        assert!(!written.takes(Reading::ReadyAgain, &batch(None, "", 5)));
        // A worker has stopped and released it: its number is gone.
        assert!(!written.takes(Reading::ReadyAgain, &batch(None, "", 4)));
        assert!(written.takes(Reading::ReadyAgain, &batch(None, "", 6)));
    }
}
