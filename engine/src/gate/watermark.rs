//! The event-time gate: an entry is ready once the watermark has reached its timestamp.
//!
//! The watermark is moved from outside, by one writer or by named sources of which the slowest counts, or it is the
//! server's clock. A watermark that is moved only rises, unless an operator sets it back. One that is the clock is the clock as
//! it is now: a clock that was ahead and is set right closes the gate again, and what nobody has claimed waits for its time.
//!
//! With the clock, elements may come again ([`recurring`]).
//!
//! A source may fall silent. Whether one has is decided by the server and told here ([`Queue::leave_out`]), so that the watermark depends on
//! operations alone, and never on when somebody looks.

mod adding;
mod elements;
mod extra;
mod recurring;
mod remembered;
mod settings;
mod sources;

pub use adding::{Added, Addition, Guard};
pub use elements::{Advanced, Element, RememberRules};
pub use remembered::DEFAULT_MAX as DEFAULT_REMEMBER_MAX;
pub use settings::WatermarkSettings;
pub use sources::{SourceChange, MAX_SOURCES};

use super::{Extra, Gate};
use crate::entries::{Entries, Handle};
use crate::error::Error;
use crate::mover::Mover;
use crate::names::Names;
use crate::order::Order;
use crate::pass::{Cursor, Step};
use crate::time::{Millis, UnixMs};
use recurring::Recurring;
use remembered::Remembered;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What moves the watermark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// One writer's ADVANCE.
    External,
    /// The server's clock: a delay queue.
    Clock,
    /// The minimum of what these sources have reported, without those that are idle; unset until each has reported.
    Sources(Vec<Source>),
}

/// One of several writers that move a watermark together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its name.
    #[serde(with = "crate::snapshot::bytes")]
    pub name: Box<[u8]>,
    /// The highest timestamp it has reported.
    pub timestamp: Option<i64>,
    /// When it reported last, risen or not. Of one that has not reported: since when it has been listened to, if that matters.
    pub reported_at: UnixMs,
    /// Whether it is left out of the minimum until it reports again. Saved as an [`Extra`].
    #[serde(skip)]
    pub idle: bool,
}

/// What happens to an element that is late on arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Late {
    /// It is ready at once.
    Ready,
    /// It is refused.
    Reject,
}

/// What moves the watermark, and what it does to elements that come behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatermarkRules {
    /// What moves the watermark.
    pub kind: Kind,
    /// What happens to an element that is late on arrival.
    pub late: Late,
}

impl Default for WatermarkRules {
    fn default() -> Self {
        WatermarkRules { kind: Kind::External, late: Late::Ready }
    }
}

impl WatermarkRules {
    fn check(&self) -> Result<(), Error> {
        if let Kind::Sources(sources) = &self.kind {
            let names: BTreeSet<_> = sources.iter().map(|source| &source.name).collect();
            if sources.is_empty() || names.len() != sources.len() {
                return Err(Error::OutOfRange("SOURCES must name at least one source, and each only once"));
            }
        }
        Ok(())
    }
}

/// The gate of a TSGEN key.
#[derive(Clone)]
pub struct Watermark {
    rules: WatermarkRules,
    /// The watermark; `None` while it is unset, and always with a clock.
    reached: Option<i64>,
    /// Its last rises, coarsely: what the watermark was, and since when; both numbers rise.
    rises: Vec<(i64, UnixMs)>,
    /// A source that has not reported for so long is idle; 0: never.
    source_idle: Millis,
    /// The most by which one ADVANCE raises what it raises; 0: any.
    max_jump: u64,
    /// Ids whose work is done.
    remembered: Remembered,
    /// Elements that come again, if there are any.
    recurring: Option<Box<Recurring>>,
    names: Names,
}

/// How many rises are remembered. Beyond that every second one is forgotten, so ages stay right to a fraction.
const RISES: usize = 64;

/// What a snapshot keeps of the gate.
#[derive(Clone, Serialize, Deserialize)]
pub struct Saved {
    rules: WatermarkRules,
    /// With a clock, nothing. Older files have here how far the clock had opened the gate, and are read all the same.
    reached: Option<i64>,
    rises: Vec<(i64, UnixMs)>,
}

impl Watermark {
    /// A gate with nothing in it. Errors: a source named twice, or none.
    fn new(rules: WatermarkRules, seed: [u64; 2]) -> Result<Self, Error> {
        rules.check()?;
        Ok(Watermark {
            rules,
            reached: None,
            rises: Vec::new(),
            source_idle: Millis::ZERO,
            max_jump: 0,
            remembered: Remembered::new(),
            recurring: None,
            names: Names::new(seed),
        })
    }

    fn rise(&mut self, to: i64, now: UnixMs) {
        self.reached = Some(to);
        // A clock that stepped back must not make the list fall.
        let since = self.rises.last().map_or(now, |(_, before)| now.max(*before));
        self.rises.push((to, since));
        if self.rises.len() > RISES {
            // Of two neighbours the later one stays, and so does the last of all. At worst an age is told too short.
            let mut keep = false;
            self.rises.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    /// What the watermark is if sources move it: `None` if all are idle, or if one that is not has reported nothing.
    fn slowest(sources: &[Source]) -> Option<i64> {
        sources.iter().filter(|source| !source.idle).map(|source| source.timestamp).min().flatten()
    }
}

/// What a watermark collects: there is no such thing.
#[derive(Serialize, Deserialize)]
pub enum Nothing {}

/// It collects nothing: an element is an entry from the start.
impl Gate for Watermark {
    type Saved = Saved;
    type Collected<'a> = Nothing;

    fn horizon(&self, now: UnixMs) -> Option<i64> {
        match self.rules.kind {
            Kind::Clock => Some(now.0),
            _ => self.reached,
        }
    }

    fn opens_at(&self, key: i64) -> Option<UnixMs> {
        (self.rules.kind == Kind::Clock).then_some(UnixMs(key))
    }

    fn closes_again(&self, order: &Order) -> bool {
        self.rules.kind == Kind::Clock && !order.is_empty()
    }

    fn open_since(&self, key: i64) -> Option<UnixMs> {
        match self.rules.kind {
            Kind::Clock => Some(UnixMs(key)),
            _ => {
                let opened = self.rises.partition_point(|(watermark, _)| *watermark < key);
                self.rises.get(opened).map(|(_, since)| *since)
            }
        }
    }

    fn next_opening(&mut self, order: &Order, entries: &Entries, now: UnixMs) -> Option<UnixMs> {
        if self.rules.kind != Kind::Clock {
            return None;
        }
        let next = order.first_after(entries, self.horizon(now)?)?;
        Some(UnixMs(entries.place(next).key))
    }

    fn tag(&self, name: &[u8]) -> u32 {
        self.names.hash(name)
    }

    fn forget(&mut self, entries: &Entries, handle: Handle) {
        if self.recurring.is_some() {
            let seq = entries.place(handle).seq;
            if self.leave_past(seq) {
                return;
            }
            self.stop(seq);
        }
        self.names.remove(entries, handle);
    }

    fn done(&mut self, entries: &Entries, handle: Handle, now: UnixMs) {
        let is_past = self.recurring.is_some() && self.leave_past(entries.place(handle).seq);
        if is_past {
            return;
        }
        if self.remembered.keep.is_zero() {
            return self.forget(entries, handle);
        }
        let position = self.remembered.push(entries.name(handle), now);
        self.names.finish(entries, handle, position);
    }

    fn remembers(&self) -> bool {
        !self.remembered.keep.is_zero()
    }

    fn recurs(&self) -> bool {
        self.has_recurring()
    }

    fn comes_again(&self, entries: &Entries, handle: Handle, at: UnixMs) -> Option<i64> {
        self.recurring.as_ref()?;
        let place = entries.place(handle);
        self.next_run(place.seq, place.key, at)
    }

    fn follow(&mut self, entries: &Entries, run: Handle, next: Option<Handle>) {
        let seq = entries.place(run).seq;
        match next {
            Some(next) => {
                self.names.replace(run, next, entries.aux(next));
                self.pass_on(seq, entries.place(next).seq);
            }
            None => self.stop(seq),
        }
    }

    fn forget_over(&mut self, now: UnixMs, most: usize) -> bool {
        self.remembered.forget_over(&mut self.names, now, most)
    }

    fn forgets_at(&self) -> Option<UnixMs> {
        self.remembered.forgets_at()
    }

    fn adopt(&mut self, entries: &Entries, handle: Handle) -> Result<(), Error> {
        if self.meet(entries.place(handle).seq)? {
            return Ok(());
        }
        let name = entries.name(handle);
        let hash = self.names.hash(name);
        if self.names.get_hashed(entries, name, hash).is_some() || self.remembered.holds(&self.names, name, hash) {
            return Err(Error::Damaged("an id stands twice"));
        }
        self.names.insert(handle, hash);
        Ok(())
    }

    fn collecting(&self) -> usize {
        0
    }

    fn collected(&self) -> impl Iterator<Item = (usize, Nothing)> {
        std::iter::empty()
    }

    fn adopt_collected(&mut self, collected: Nothing) -> Result<Option<u64>, Error> {
        match collected {}
    }

    fn free_effort(&self) -> usize {
        self.remembered.free_effort()
    }

    fn save(&self) -> Saved {
        Saved { rules: self.rules.clone(), reached: self.reached, rises: self.rises.clone() }
    }

    fn load(mut saved: Saved, seed: [u64; 2]) -> Result<Self, Error> {
        let gate = Watermark::new(saved.rules.clone(), seed).map_err(|_| Error::Damaged("impossible sources"))?;
        let rising = saved.rises.is_sorted() && saved.rises.len() <= RISES;
        let last_rise = saved.rises.last().map(|(watermark, _)| *watermark);
        let reached = match &gate.rules.kind {
            Kind::Clock => {
                saved.reached = None;
                saved.rises.is_empty()
            }
            // One of the sources may be newer than the watermark, and have reported nothing.
            Kind::External | Kind::Sources(_) => saved.reached == last_rise,
        };
        if !rising || !reached {
            return Err(Error::Damaged("impossible watermark"));
        }
        Ok(Watermark { reached: saved.reached, rises: saved.rises, ..gate })
    }

    fn extras(&self, tell: &mut dyn FnMut(Extra<'_>)) {
        Watermark::tell_extras(self, tell);
    }

    fn adopt_extra(&mut self, extra: Extra<'_>) -> Result<(), Error> {
        Watermark::take_extra(self, extra)
    }

    fn adopted(&self) -> Result<(), Error> {
        self.all_met()
    }

    fn moved(&mut self, entries: &Entries, old: Handle, new: Handle) {
        self.names.moved(entries, old, new);
    }

    fn waste(&self) -> usize {
        self.names.waste()
    }

    fn compact(&mut self, stage: usize, cursor: &mut Cursor, most: usize) -> Step {
        match stage {
            0 => cursor.through(|from| self.names.fit(from, most)),
            _ => Step::NoPart,
        }
    }

    fn show_buffers(&mut self, _: usize, _: &mut Cursor, _: &mut impl Mover) -> Step {
        Step::NoPart
    }

    fn memory(&self) -> usize {
        self.names.memory()
            + self.remembered.memory()
            + self.recurring.as_ref().map_or(0, |recurring| recurring.memory())
            + self.rises.capacity() * std::mem::size_of::<(i64, UnixMs)>()
    }
}

#[cfg(test)]
mod tests;
