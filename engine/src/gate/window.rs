//! The window gate: increments are summed, and each window's sums are delivered together, as a *batch*.
//!
//! A window opens with its first increment. It is *sealed* when its time is over, and at once when it has as many fields as it may
//! have or is told to. Then it is a ready entry of the delivery queue, whose place is the time at which it was sealed. The next
//! increment opens another window.
//!
//! A window whose time is over is sealed lazily, in the next operation that needs it, but always as of the end of its
//! time. Increments of an open window depend on time only in that the window must still be open. The master says so: a replica
//! adds what it is told to add, and looks at no clock.
//!
//! **Batch numbers** are made like tokens: of the time of the operation that seals, not of the end of the window. Two nodes may seal what
//! was the same window, one before and one after a failover, with different sums. A number made of the window would make these
//! the same batch, and a database that has one would refuse the other.

mod batch;
mod counters;
mod field;
mod sums;

pub use batch::Batch;
pub use counters::{Counted, Incremented, OpenWindow};
pub use field::FieldKind;

use super::{AllDue, Due, Extent, Foretold, Gate};
use crate::entries::{Entries, Handle, Place};
use crate::error::Error;
use crate::mover::Mover;
use crate::order::Order;
use crate::pass::{Cursor, Step};
use crate::time::{Millis, UnixMs};
use crate::token::{first_token, Token, MAX_TOKEN};
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use std::collections::BTreeMap;
use sums::Sums;

/// Most fields a window may be allowed to have.
pub const MAX_FIELDS: u64 = 100_000;

/// A window is sealed as soon as its fields have this many bytes: sealing and delivering it is one piece of work.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Sealing this many fields takes about a millisecond.
const MANY_FIELDS: usize = 10_000;

/// What is summed, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowRules {
    /// A window is sealed this long after its first increment. 1 ms to 10 years.
    pub every: Millis,
    /// What fields are.
    pub field: FieldKind,
    /// Smallest increment, if any.
    pub min: Option<i64>,
    /// Largest increment, if any.
    pub max: Option<i64>,
    /// A window is sealed with this many fields. 1 to [`MAX_FIELDS`].
    pub max_fields: u64,
}

impl Default for WindowRules {
    fn default() -> Self {
        WindowRules { every: Millis(9_000), field: FieldKind::Any, min: None, max: None, max_fields: 10_000 }
    }
}

impl WindowRules {
    fn check(&self) -> Result<(), Error> {
        if self.every.is_zero() || self.every > Millis::MAX_DURATION {
            return Err(Error::OutOfRange("EVERY must be an integer between 1 and 315360000000"));
        }
        if !(1..=MAX_FIELDS).contains(&self.max_fields) {
            return Err(Error::OutOfRange("MAXFIELDS must be an integer between 1 and 100000"));
        }
        match (self.min, self.max) {
            (Some(min), Some(max)) if min > max => Err(Error::OutOfRange("MIN must not be above MAX")),
            _ => Ok(()),
        }
    }

    /// Whether a window with so much in it is to be sealed.
    #[inline]
    fn is_full(&self, fields: usize, bytes: usize) -> bool {
        fields as u64 >= self.max_fields || bytes >= MAX_BYTES
    }

    #[inline]
    fn check_delta(&self, delta: i64) -> Result<(), Error> {
        if let Some(min) = self.min.filter(|min| delta < *min) {
            return Err(Error::BelowMin(min));
        }
        match self.max.filter(|max| delta > *max) {
            Some(max) => Err(Error::AboveMax(max)),
            None => Ok(()),
        }
    }
}

/// The gate of a TALLY key.
#[derive(Clone)]
pub struct Window {
    rules: WindowRules,
    hasher: SipHasher13,
    open: Option<Open>,
    /// The number of the last batch.
    last_batch: Token,
    /// All batches there are, by their numbers.
    batches: BTreeMap<Token, Handle>,
    /// The latest end at which a window was sealed. Only for announcing it; not part of the state.
    last_ended_at: UnixMs,
}

/// The open window; it has at least one field.
#[derive(Clone)]
struct Open {
    sums: Sums,
    opened_at: UnixMs,
    seals_at: UnixMs,
    /// The sequence number of its batch.
    seq: u64,
}

/// What a snapshot keeps beside the fields of the open window.
#[derive(Serialize, Deserialize)]
pub struct SavedWindow {
    rules: WindowRules,
    last_batch: Token,
    open: Option<SavedOpen>,
}

#[derive(Serialize, Deserialize)]
struct SavedOpen {
    opened_at: UnixMs,
    seals_at: UnixMs,
    seq: u64,
}

/// A field of the open window in a snapshot.
#[derive(Serialize, Deserialize)]
pub struct SavedSum<'a> {
    #[serde(borrow, with = "serde_bytes")]
    field: &'a [u8],
    sum: i64,
}

impl Window {
    fn new(rules: WindowRules, seed: [u64; 2]) -> Result<Self, Error> {
        rules.check()?;
        Ok(Window {
            rules,
            hasher: SipHasher13::new_with_keys(seed[0], seed[1]),
            open: None,
            last_batch: 0,
            batches: BTreeMap::new(),
            last_ended_at: UnixMs(i64::MIN),
        })
    }

    #[inline]
    fn hash(&self, field: &[u8]) -> u32 {
        self.hasher.hash(field) as u32
    }

    /// Whether the clock has stepped back behind the beginning of the open window, so that it would be sealed that much later.
    fn is_ahead(&self, now: UnixMs) -> bool {
        now != UnixMs::EVER && self.open.as_ref().is_some_and(|open| open.opened_at > now)
    }

    fn is_overdue(&self, now: UnixMs) -> bool {
        self.open.as_ref().is_some_and(|open| open.seals_at.is_due(now))
    }

    /// Makes an entry of the open window, sealed at `at`, by an operation that runs at `now`. O(n log n) in its fields.
    fn seal(&mut self, at: UnixMs, now: UnixMs, entries: &mut Entries) -> Option<Handle> {
        let open = self.open.take()?;
        // Whoever opens a window sees to it that there is a number left for it.
        let number = first_token(self.last_batch, now);
        self.last_batch = number;
        // A window that was opened before the clock was set back does not end before it begins.
        let body = open.sums.body(open.opened_at.min(at));
        let place = Place { key: at.0, seq: open.seq };
        let handle = entries.insert_owned(place, number.to_string().as_bytes(), body, 0);
        self.batches.insert(number, handle);
        Some(handle)
    }
}

/// The number of a batch, which is the name of its entry.
pub fn batch_number(name: &[u8]) -> Option<Token> {
    let number = std::str::from_utf8(name).ok()?.parse().ok()?;
    (1..=MAX_TOKEN).contains(&number).then_some(number)
}

impl Gate for Window {
    type Saved = SavedWindow;
    type Collected<'a> = SavedSum<'a>;

    fn next_opening(&mut self, _: &Order, _: &Entries, now: UnixMs) -> Option<UnixMs> {
        self.open.as_ref().map(|open| open.seals_at).filter(|at| !at.is_due(now))
    }

    fn forget(&mut self, entries: &Entries, handle: Handle) {
        if let Some(number) = batch_number(entries.name(handle)) {
            self.batches.remove(&number);
        }
    }

    fn adopt(&mut self, entries: &Entries, handle: Handle) -> Result<(), Error> {
        let (name, body) = entries.name_and_body(handle);
        batch::check(body, |field| self.rules.field.is_stored(field))?;
        let number = batch_number(name).filter(|number| number.to_string().as_bytes() == name);
        let number = number.filter(|number| *number <= self.last_batch && !self.batches.contains_key(number));
        self.batches.insert(number.ok_or(Error::Damaged("an impossible batch number"))?, handle);
        Ok(())
    }

    fn collecting(&self) -> usize {
        usize::from(self.open.is_some())
    }

    fn overdue(&mut self, now: UnixMs) -> usize {
        usize::from(self.is_overdue(now))
    }

    fn first_due(&mut self, now: UnixMs) -> Option<UnixMs> {
        self.open.as_ref().map(|open| open.seals_at).filter(|at| at.is_due(now))
    }

    fn due_from(&mut self, from: Place, most: usize, now: UnixMs) -> AllDue {
        let open = self.open.as_ref().filter(|open| open.seals_at.is_due(now));
        let due = open.map(|open| {
            let place = Place { key: open.seals_at.0, seq: open.seq };
            Due { place, size: open.sums.body_size(), number: 0 }
        });
        AllDue { things: due.into_iter().filter(|due| due.place >= from).take(most).collect(), unknown_from: None }
    }

    /// Without a name: the number of a batch is made when the window is sealed.
    fn foretell(&self, due: &Due, extent: Extent) -> Foretold<'_> {
        let Some(open) = &self.open else { return Foretold::default() };
        let opened_at = open.opened_at.min(UnixMs(due.place.key));
        let body = match extent {
            Extent::Whole => open.sums.body(opened_at),
            Extent::Beginning => batch::beginning(opened_at),
        };
        Foretold { body, ..Foretold::default() }
    }

    fn fires_long(&self, now: UnixMs) -> bool {
        self.open.as_ref().is_some_and(|open| open.seals_at.is_due(now) && open.sums.len() >= MANY_FIELDS)
    }

    fn fire(&mut self, now: UnixMs, entries: &mut Entries) -> Option<Handle> {
        let at = self.first_due(now)?;
        // A last time that lies ahead is from before the clock stepped back.
        self.last_ended_at = Some(self.last_ended_at).filter(|last| last.is_due(now)).map_or(at, |last| last.max(at));
        self.seal(at, now, entries)
    }

    fn save(&self) -> SavedWindow {
        let saved = |open: &Open| SavedOpen { opened_at: open.opened_at, seals_at: open.seals_at, seq: open.seq };
        SavedWindow { rules: self.rules, last_batch: self.last_batch, open: self.open.as_ref().map(saved) }
    }

    fn collected(&self) -> impl Iterator<Item = (usize, SavedSum<'_>)> {
        let sums = self.open.iter().flat_map(|open| open.sums.iter());
        sums.map(|(field, sum)| (field.len() + size_of::<i64>(), SavedSum { field, sum }))
    }

    fn load(saved: SavedWindow, seed: [u64; 2]) -> Result<Self, Error> {
        let mut window = Window::new(saved.rules, seed).map_err(|_| Error::Damaged("impossible rules"))?;
        // An open window will need a number.
        if saved.last_batch > MAX_TOKEN - Token::from(saved.open.is_some()) {
            return Err(Error::Damaged("impossible counters"));
        }
        window.last_batch = saved.last_batch;
        window.open = saved.open.map(|open| Open {
            sums: Sums::new(),
            opened_at: open.opened_at,
            seals_at: open.seals_at,
            seq: open.seq,
        });
        Ok(window)
    }

    fn adopt_collected(&mut self, saved: SavedSum<'_>) -> Result<Option<u64>, Error> {
        let hash = self.hash(saved.field);
        let is_field = self.rules.field.is_stored(saved.field);
        let open = self.open.as_mut().ok_or(Error::Damaged("a sum without a window"))?;
        let fits = open.sums.len() < MAX_FIELDS as usize && open.sums.size() < MAX_BYTES;
        if !is_field || !fits || open.sums.find(saved.field, hash).is_some() {
            return Err(Error::Damaged("an impossible sum"));
        }
        let is_first = open.sums.len() == 0;
        open.sums.insert(saved.field, hash, saved.sum);
        Ok(is_first.then_some(open.seq))
    }

    fn adopted(&self) -> Result<(), Error> {
        match &self.open {
            Some(open) if open.sums.len() == 0 => Err(Error::Damaged("a window without sums")),
            _ => Ok(()),
        }
    }

    fn moved(&mut self, entries: &Entries, _: Handle, new: Handle) {
        if let Some(number) = batch_number(entries.name(new)) {
            self.batches.insert(number, new);
        }
    }

    /// None: a window only grows, until all of it leaves.
    fn waste(&self) -> usize {
        0
    }

    fn compact(&mut self, _: usize, _: &mut Cursor, _: usize) -> Step {
        Step::NoPart
    }

    /// Shows none: an open window has few buffers.
    fn show_buffers(&mut self, _: usize, _: &mut Cursor, _: &mut impl Mover) -> Step {
        Step::NoPart
    }

    fn memory(&self) -> usize {
        let open = self.open.as_ref().map_or(0, |open| open.sums.memory());
        open + self.batches.len() * 2 * size_of::<(Token, Handle)>()
    }

    fn free_effort(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.sums.size() / (64 * 1024))
    }
}

#[cfg(test)]
mod tests;
