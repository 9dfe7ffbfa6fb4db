//! The operations of TSGEN itself: elements with a timestamp, and the watermark that lets them through.

use super::{Kind, Late, Source, Watermark, WatermarkRules};
use crate::delivery::Standing;
use crate::entries::{Handle, Place};
use crate::error::Error;
use crate::gate::Gate;
use crate::options::DeliveryOptions;
use crate::queue::Queue;
use crate::time::{Millis, UnixMs};

/// What an advance did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advanced {
    /// The watermark now.
    pub watermark: Option<i64>,
    /// Whether anything changed, so that a replica must repeat it.
    pub changed: bool,
    /// Whether anything became ready.
    pub released: bool,
}

/// What is remembered of ids whose work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RememberRules {
    /// For how long; 0: not at all.
    pub keep: Millis,
    /// The most ids.
    pub max: u64,
}

impl RememberRules {
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.keep > Millis::MAX_DURATION {
            return Err(Error::OutOfRange("REMEMBER must be an integer between 0 and 315360000000"));
        }
        if self.max == 0 {
            return Err(Error::OutOfRange("REMEMBERMAX must be at least 1"));
        }
        Ok(())
    }
}

/// An element as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// waiting, ready, leased, delayed or dead.
    pub state: &'static str,
    /// Its id.
    pub id: &'a [u8],
    /// Its timestamp.
    pub timestamp: i64,
    /// Its payload.
    pub payload: &'a [u8],
    /// How often it comes again, if it does.
    pub every: Option<Millis>,
}

impl Queue<Watermark> {
    /// An empty key. `seed` keys the hashes of ids and shows nowhere.
    ///
    /// Errors: options out of range; sources missing or named twice.
    pub fn create(rules: WatermarkRules, options: DeliveryOptions, seed: [u64; 2]) -> Result<Self, Error> {
        Queue::with_gate(Watermark::new(rules, seed)?, options, seed)
    }

    /// What moves the watermark, and what happens to late elements.
    pub fn rules(&self) -> &WatermarkRules {
        &self.gate.rules
    }

    /// Whether the watermark is the server's clock.
    pub fn is_clock(&self) -> bool {
        self.gate.rules.kind == Kind::Clock
    }

    /// Changes what happens to late elements. True if that was something else before.
    pub fn alter_late(&mut self, late: Late) -> bool {
        std::mem::replace(&mut self.gate.rules.late, late) != late
    }

    /// The declared sources; none unless the key has some.
    pub fn sources(&self) -> &[Source] {
        match &self.gate.rules.kind {
            Kind::Sources(sources) => sources,
            _ => &[],
        }
    }

    /// The watermark; unset at first.
    pub fn watermark(&self, now: UnixMs) -> Option<i64> {
        self.gate.horizon(now)
    }

    /// The entry that this id means. O(1).
    pub(super) fn find(&self, id: &[u8]) -> Option<Handle> {
        self.gate.names.get(&self.entries, id)
    }

    /// The group that an element was put into by name; `None` if that is its id, or if there is no such element. O(1).
    pub fn group_of(&self, id: &[u8]) -> Option<&[u8]> {
        self.groups.as_ref()?.name_of(&self.entries, self.find(id)?)
    }

    /// Removes the element of this id, whatever its state; its token becomes stale. True if there was one. O(log n).
    pub fn rem(&mut self, id: &[u8]) -> bool {
        let Some(handle) = self.find(id) else { return false };
        self.lift(handle);
        self.revoke(handle);
        self.erase(handle);
        true
    }

    /// Forgets that the work of this id is done. True if it was remembered. O(1).
    pub fn forget(&mut self, id: &[u8]) -> bool {
        let hash = self.gate.names.hash(id);
        self.gate.remembered.forget(&mut self.gate.names, id, hash)
    }

    /// What is remembered of ids whose work is done.
    pub fn remember(&self) -> RememberRules {
        RememberRules { keep: self.gate.remembered.keep, max: self.gate.remembered.max }
    }

    /// How many ids are remembered, those included whose time is over and that are not forgotten yet.
    pub fn remembered(&self) -> usize {
        self.gate.remembered.len()
    }

    /// Changes the [`RememberRules`]. Ids that are too old or too many by the new ones are forgotten in later operations, bit by bit. True if
    /// anything changed.
    ///
    /// Errors: [`Error::OutOfRange`].
    pub fn alter_remember(&mut self, keep: Millis, max: u64) -> Result<bool, Error> {
        let to = RememberRules { keep, max };
        to.check()?;
        let before = self.remember();
        (self.gate.remembered.keep, self.gate.remembered.max) = (keep, max);
        Ok(before != to)
    }

    /// Raises the watermark to `timestamp`, or lets `source` do its part in that; a lower timestamp changes nothing.
    /// O(log n), however many elements become ready.
    ///
    /// Errors: [`Error::ClockDriven`], [`Error::SourceNeeded`], [`Error::UnknownSource`].
    pub fn advance(&mut self, timestamp: i64, source: Option<&[u8]>, now: UnixMs) -> Result<Advanced, Error> {
        let mut changed = false;
        let to = match (&mut self.gate.rules.kind, source) {
            (Kind::Clock, _) => return Err(Error::ClockDriven),
            (Kind::External, None) => Some(timestamp),
            (Kind::External, Some(_)) => return Err(Error::UnknownSource),
            (Kind::Sources(_), None) => return Err(Error::SourceNeeded),
            (Kind::Sources(sources), Some(name)) => {
                let source = sources.iter_mut().find(|source| *source.name == *name).ok_or(Error::UnknownSource)?;
                let before = source.clone();
                source.timestamp = source.timestamp.max(Some(timestamp));
                source.reported_at = now;
                source.idle = false;
                changed = before != *source;
                Watermark::slowest(sources)
            }
        };
        let advanced = self.raise(to, now);
        Ok(Advanced { changed: changed || advanced.changed, ..advanced })
    }

    /// Raises the watermark to `to`, if it is lower.
    pub(super) fn raise(&mut self, to: Option<i64>, now: UnixMs) -> Advanced {
        let before = self.gate.reached;
        let risen = to.filter(|_| to > before);
        if let Some(to) = risen {
            self.gate.rise(to, now);
        }
        Advanced {
            watermark: self.gate.reached,
            changed: risen.is_some(),
            released: risen.is_some_and(|to| self.any_between(before, to)),
        }
    }

    /// Whether a queued element has a timestamp above `low` (any, if unset) and not above `high`.
    pub fn any_between(&self, low: Option<i64>, high: i64) -> bool {
        let first = match low {
            Some(low) => self.order.first_after(&self.entries, low),
            None => self.order.first(),
        };
        first.is_some_and(|first| self.entries.place(first).key <= high)
    }

    /// An operator's way back: sets the watermark, and every source above it, to `to`. Elements above it that are
    /// ready and unclaimed wait again. True if anything changed.
    ///
    /// Errors: [`Error::ClockDriven`]; [`Error::WatermarkNotBelow`] if it is unset or below `to`.
    pub fn alter_watermark(&mut self, to: i64, now: UnixMs) -> Result<bool, Error> {
        if self.is_clock() {
            return Err(Error::ClockDriven);
        }
        let reached = self.gate.reached.filter(|reached| *reached >= to).ok_or(Error::WatermarkNotBelow)?;
        let mut lowered = false;
        if let Kind::Sources(sources) = &mut self.gate.rules.kind {
            for timestamp in sources.iter_mut().filter_map(|source| source.timestamp.as_mut()) {
                lowered |= *timestamp > to;
                *timestamp = to.min(*timestamp);
            }
        }
        if reached == to {
            return Ok(lowered);
        }
        self.gate.rises.retain(|(watermark, _)| *watermark < to);
        self.gate.rise(to, now);
        Ok(true)
    }

    /// Fails where [`Queue::alter_source`] is not allowed.
    ///
    /// Errors: [`Error::ClockDriven`]; [`Error::UnknownSource`]; [`Error::SourceNotBelow`] if the source has reported nothing, or less than `to`.
    pub fn check_source(&self, name: &[u8], to: i64) -> Result<(), Error> {
        if self.is_clock() {
            return Err(Error::ClockDriven);
        }
        let source = self.sources().iter().find(|source| *source.name == *name).ok_or(Error::UnknownSource)?;
        match source.timestamp {
            Some(timestamp) if timestamp >= to => Ok(()),
            _ => Err(Error::SourceNotBelow),
        }
    }

    /// An operator's way back for one source that has reported too much: lowers what it has reported to `to`. The watermark stays where it
    /// is, or unset. True if anything changed. O(number of sources).
    ///
    /// Changes nothing where [`Queue::check_source`] fails, which tells why.
    pub fn alter_source(&mut self, name: &[u8], to: i64) -> bool {
        let Kind::Sources(sources) = &mut self.gate.rules.kind else { return false };
        let reported =
            sources.iter_mut().find(|source| *source.name == *name).and_then(|source| source.timestamp.as_mut());
        match reported {
            Some(timestamp) if *timestamp > to => {
                *timestamp = to;
                true
            }
            _ => false,
        }
    }

    fn element(&self, handle: Handle, timestamp: i64, state: &'static str) -> Element<'_> {
        let (id, payload) = self.entries.name_and_body(handle);
        Element { state, id, timestamp, payload, every: self.gate.period(self.entries.place(handle).seq) }
    }

    fn queued_name(&self, timestamp: i64, now: UnixMs) -> &'static str {
        match self.gate.horizon(now) {
            Some(watermark) if timestamp <= watermark => "ready",
            _ => "waiting",
        }
    }

    /// The newest element of this id. O(1), and O(log n) where elements come again.
    pub fn get(&self, id: &[u8], now: UnixMs) -> Option<Element<'_>> {
        let handle = self.find(id)?;
        let timestamp = self.entries.place(handle).key;
        let (timestamp, state) = match self.standing(handle, now) {
            Standing::Queued => (timestamp, self.queued_name(timestamp, now)),
            Standing::Leased => (timestamp, "leased"),
            Standing::Delayed { .. } => (timestamp, "delayed"),
            Standing::Dead { at } => match self.comes_again(handle, at, 0) {
                Some(next) => (next.key, self.queued_name(next.key, now)),
                None => (timestamp, "dead"),
            },
            Standing::Gone => (timestamp, "dead"),
        };
        Some(self.element(handle, timestamp, state))
    }

    /// Waiting and ready elements with `min <= timestamp <= max`, in order, up to `count`. O(log n + those listed).
    pub fn range(&self, min: i64, max: i64, count: usize, now: UnixMs) -> Vec<Element<'_>> {
        let stored = self.order.iter_from(&self.entries, min);
        let listed = self.with_returned(stored, now, |place| (min..=max).contains(&place.key), count);
        self.entries.warm(listed.iter().map(|(_, handle)| *handle));
        let element =
            |(place, handle): (Place, Handle)| self.element(handle, place.key, self.queued_name(place.key, now));
        listed.into_iter().map(element).collect()
    }
}
