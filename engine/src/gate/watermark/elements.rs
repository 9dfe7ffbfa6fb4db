//! The operations of TSGEN itself: elements with a timestamp, and the watermark that lets them through.

use super::{Kind, Late, Source, Watermark, WatermarkRules};
use crate::delivery::Standing;
use crate::entries::{Handle, State};
use crate::error::Error;
use crate::gate::Gate;
use crate::options::DeliveryOptions;
use crate::queue::Queue;
use crate::time::{Millis, UnixMs};
use std::collections::BTreeSet;

/// On what condition an element is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Whether or not there is an element of its id.
    Always,
    /// Only if there is no element of its id (NX).
    IfAbsent,
    /// Only if there is an element of its id (XX).
    IfPresent,
}

/// What became of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It waits for the watermark.
    Waits,
    /// It was late, and is ready at once.
    Ready,
    /// The guard forbade it, or it is done, or being worked on, and the key remembers.
    Refused,
}

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

    /// Adds an element, or replaces the one of its id. O(log n). Depends on `now` only if the watermark is a clock.
    ///
    /// An element of that id that is waiting, ready, delayed or dead is replaced; one that is leased is superseded:
    /// its token still settles, but it never comes back.
    /// Errors: [`Error::Late`], [`Error::Full`], [`Error::Exhausted`].
    pub fn add(
        &mut self,
        guard: Guard,
        timestamp: i64,
        id: &[u8],
        payload: &[u8],
        now: UnixMs,
    ) -> Result<Added, Error> {
        self.add_into(None, guard, timestamp, id, payload, now)
    }

    /// Like [`Queue::add`], into this group; by default, with [`Guard::IfPresent`], into the one in which the element of its id is, else into
    /// that of its id.
    ///
    /// Errors: also [`Error::NoGroups`].
    pub fn add_into(
        &mut self,
        group: Option<&[u8]>,
        guard: Guard,
        timestamp: i64,
        id: &[u8],
        payload: &[u8],
        now: UnixMs,
    ) -> Result<Added, Error> {
        self.check_group(group)?;
        let hash = self.gate.names.hash(id);
        let old = self.gate.names.get_hashed(&self.entries, id, hash);
        match (guard, old) {
            (Guard::IfAbsent, Some(_)) | (Guard::IfPresent, None) => return Ok(Added::Refused),
            _ if self.is_known(id, hash, old, now) => return Ok(Added::Refused),
            _ => {}
        }
        let late = self.is_late(timestamp, now)?;
        self.check_room(usize::from(old.is_none()), 1)?;
        let kept = match (&self.groups, old, guard, group) {
            (Some(groups), Some(old), Guard::IfPresent, None) => groups.name_of(&self.entries, old).map(Box::from),
            _ => None,
        };
        self.put(group.or(kept.as_deref()), timestamp, id, payload, hash, old);
        Ok(self.count_late(late))
    }

    /// The group that an element was put into by name; `None` if that is its id, or if there is no such element. O(1).
    pub fn group_of(&self, id: &[u8]) -> Option<&[u8]> {
        self.groups.as_ref()?.name_of(&self.entries, self.find(id)?)
    }

    fn check_group(&self, group: Option<&[u8]>) -> Result<(), Error> {
        match (group, &self.groups) {
            (Some(_), None) => Err(Error::NoGroups),
            _ => Ok(()),
        }
    }

    /// Gives the element of this id another timestamp: adds an element with the same payload. O(log n) and O(its bytes).
    ///
    /// Errors: [`Error::Late`], [`Error::Exhausted`].
    pub fn put_off(&mut self, timestamp: i64, id: &[u8], now: UnixMs) -> Result<Added, Error> {
        self.put_off_into(None, timestamp, id, now)
    }

    /// Like [`Queue::put_off`], into this group; by default the element stays in its own.
    ///
    /// Errors: also [`Error::NoGroups`].
    pub fn put_off_into(
        &mut self,
        group: Option<&[u8]>,
        timestamp: i64,
        id: &[u8],
        now: UnixMs,
    ) -> Result<Added, Error> {
        self.check_group(group)?;
        let Some(old) = self.find(id) else { return Ok(Added::Refused) };
        let payload = self.entries.body(old).to_vec();
        self.add_into(group, Guard::IfPresent, timestamp, id, &payload, now)
    }

    /// Adds all of these elements or none; tells for each whether it waits. O(log n) an element.
    ///
    /// Errors: [`Error::Late`], [`Error::Full`], [`Error::Exhausted`].
    pub fn madd(&mut self, elements: &[(i64, &[u8], &[u8])], now: UnixMs) -> Result<Vec<Added>, Error> {
        self.madd_into(None, elements, now)
    }

    /// Like [`Queue::madd`], all into this group.
    ///
    /// Errors: also [`Error::NoGroups`].
    pub fn madd_into(
        &mut self,
        group: Option<&[u8]>,
        elements: &[(i64, &[u8], &[u8])],
        now: UnixMs,
    ) -> Result<Vec<Added>, Error> {
        self.check_group(group)?;
        let is_known = |id: &[u8]| self.remembers() && self.is_known(id, self.gate.names.hash(id), self.find(id), now);
        for (timestamp, id, _) in elements {
            if !is_known(id) {
                self.is_late(*timestamp, now)?;
            }
        }
        let mut new = 0;
        if self.options.max_len != 0 {
            let ids: BTreeSet<&[u8]> = elements.iter().map(|(_, id, _)| *id).filter(|id| !is_known(id)).collect();
            new = ids.into_iter().filter(|id| self.find(id).is_none()).count();
        }
        self.check_room(new, elements.len())?;
        let add = |(timestamp, id, payload): &(i64, &[u8], &[u8])| {
            let hash = self.gate.names.hash(id);
            let old = self.gate.names.get_hashed(&self.entries, id, hash);
            if self.is_known(id, hash, old, now) {
                return Ok(Added::Refused);
            }
            let late = self.is_late(*timestamp, now)?;
            self.put(group, *timestamp, id, payload, hash, old);
            Ok(self.count_late(late))
        };
        elements.iter().map(add).collect()
    }

    fn find(&self, id: &[u8]) -> Option<Handle> {
        self.gate.names.get(&self.entries, id)
    }

    /// Whether somebody works on this id, or its work is done, and the key remembers such ids: then it is not added once more.
    fn is_known(&self, id: &[u8], hash: u32, old: Option<Handle>, now: UnixMs) -> bool {
        self.remembers()
            && match old {
                Some(old) => self.entries.state(old) == State::Leased,
                None => self.gate.remembered.has(&self.gate.names, id, hash, now),
            }
    }

    fn is_late(&self, timestamp: i64, now: UnixMs) -> Result<bool, Error> {
        let late = self.gate.horizon(now).is_some_and(|watermark| timestamp <= watermark);
        if late && self.gate.rules.late == Late::Reject {
            return Err(Error::Late);
        }
        Ok(late)
    }

    fn count_late(&mut self, late: bool) -> Added {
        self.totals.late += u64::from(late);
        if late {
            Added::Ready
        } else {
            Added::Waits
        }
    }

    fn put(&mut self, group: Option<&[u8]>, timestamp: i64, id: &[u8], payload: &[u8], hash: u32, old: Option<Handle>) {
        let new = self.enter_into(timestamp, id, payload, hash, group);
        let Some(old) = old else {
            // One whose time is over may still stand there.
            self.gate.remembered.forget(&mut self.gate.names, id, hash);
            self.gate.names.insert(new, hash);
            return;
        };
        self.gate.names.replace(old, new, hash);
        if self.entries.state(old) == State::Leased {
            self.entries.set_superseded(old, true);
            self.superseded += 1;
        } else {
            self.lift(old);
            self.revoke(old);
            self.erase_nameless(old);
        }
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

    /// For how long an id is remembered once its work is done, and how many are.
    pub fn remember(&self) -> (Millis, u64) {
        (self.gate.remembered.keep, self.gate.remembered.max)
    }

    /// How many ids are remembered, those included whose time is over and that are not forgotten yet.
    pub fn remembered(&self) -> usize {
        self.gate.remembered.len()
    }

    /// From now on ids are remembered for so long (0: not at all), and so many of them. What is over by that is forgotten in later operations, bit by bit.
    /// True if anything changed.
    ///
    /// Errors: [`Error::OutOfRange`].
    pub fn alter_remember(&mut self, keep: Millis, max: u64) -> Result<bool, Error> {
        if keep > Millis::MAX_DURATION {
            return Err(Error::OutOfRange("REMEMBER must be an integer between 0 and 315360000000"));
        }
        if max == 0 {
            return Err(Error::OutOfRange("REMEMBERMAX must be at least 1"));
        }
        let before = self.remember();
        (self.gate.remembered.keep, self.gate.remembered.max) = (keep, max);
        Ok(before != (keep, max))
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

    /// Raises the watermark to that, if it is below.
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

    fn state_name(&self, handle: Handle, now: UnixMs) -> &'static str {
        match self.standing(handle, now) {
            Standing::Queued if self.ready(handle, now) => "ready",
            Standing::Queued => "waiting",
            Standing::Leased => "leased",
            Standing::Delayed { .. } => "delayed",
            Standing::Dead { .. } | Standing::Gone => "dead",
        }
    }

    fn element(&self, handle: Handle, state: &'static str) -> Element<'_> {
        let (id, payload) = self.entries.name_and_body(handle);
        Element { state, id, timestamp: self.entries.place(handle).key, payload }
    }

    /// The newest element of this id. O(1).
    pub fn get(&self, id: &[u8], now: UnixMs) -> Option<Element<'_>> {
        self.find(id).map(|handle| self.element(handle, self.state_name(handle, now)))
    }

    /// Waiting and ready elements with `min <= timestamp <= max`, in order, up to `count`. O(log n + those listed).
    pub fn range(&self, min: i64, max: i64, count: usize, now: UnixMs) -> Vec<Element<'_>> {
        let stored = self.order.iter_from(&self.entries, min);
        let handles = self.with_returned(stored, now, |place| (min..=max).contains(&place.key), count);
        self.entries.warm(handles.iter().copied());
        handles.into_iter().map(|handle| self.element(handle, self.state_name(handle, now))).collect()
    }
}
