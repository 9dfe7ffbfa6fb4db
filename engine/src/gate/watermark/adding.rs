//! ADD and MADD: elements are added, replaced and put off.

use super::{Late, Watermark};
use crate::entries::{Handle, State};
use crate::error::Error;
use crate::gate::Gate;
use crate::queue::Queue;
use crate::time::{Millis, UnixMs};
use std::collections::HashSet;

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

/// An element to be added.
#[derive(Clone, Copy, Debug)]
pub struct Addition<'a> {
    /// On what condition.
    pub guard: Guard,
    /// Its group. By default the group of its id; with [`Guard::IfPresent`], the group in which the present element is.
    pub group: Option<&'a [u8]>,
    /// The period with which it comes again. By default it comes once; with [`Guard::IfPresent`], as often as the present element.
    pub every: Option<Millis>,
    /// Its timestamp.
    pub timestamp: i64,
    /// Its id.
    pub id: &'a [u8],
    /// Its payload. By default none; with [`Guard::IfPresent`], that of the present element.
    pub payload: Option<&'a [u8]>,
}

impl<'a> Addition<'a> {
    /// An element that comes once, in the group of its id.
    pub fn once(guard: Guard, timestamp: i64, id: &'a [u8], payload: &'a [u8]) -> Self {
        Addition { guard, group: None, every: None, timestamp, id, payload: Some(payload) }
    }
}

/// What became of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It waits for the watermark.
    Waits,
    /// It was late, and is ready at once.
    Ready,
    /// Nothing was added: the guard forbade it, or the key remembers ids, and the work of this one is done or in hand.
    Refused,
}

impl Queue<Watermark> {
    /// Adds an element, or replaces the one of its id. O(log n), and O(bytes of the payload) if that is kept. Depends on `now` only if the watermark is
    /// a clock, or the key remembers what is done.
    ///
    /// An element of that id that is waiting, ready, delayed or dead is replaced; one that is leased is superseded:
    /// its token still settles, but it never comes back.
    /// Errors: [`Error::Late`], [`Error::Full`], [`Error::Exhausted`], [`Error::NoGroups`], [`Error::EveryNeedsClock`], [`Error::OutOfRange`].
    pub fn add(&mut self, addition: &Addition<'_>, now: UnixMs) -> Result<Added, Error> {
        let Addition { guard, group, every, timestamp, id, payload } = *addition;
        self.check_group(group)?;
        self.check_every(every)?;
        let hash = self.gate.names.hash(id);
        let old = self.gate.names.get_hashed(&self.entries, id, hash);
        match (guard, old) {
            (Guard::IfAbsent, Some(_)) | (Guard::IfPresent, None) => return Ok(Added::Refused),
            _ if self.is_known(id, hash, old, now) => return Ok(Added::Refused),
            _ => {}
        }
        let added = self.placed(timestamp, now)?;
        self.check_room(usize::from(old.is_none()), 1)?;
        let present = old.filter(|_| guard == Guard::IfPresent);
        let kept_group = match (&self.groups, present, group) {
            (Some(groups), Some(old), None) => groups.name_of(&self.entries, old).map(Box::<[u8]>::from),
            _ => None,
        };
        let kept_payload = present.filter(|_| payload.is_none()).map(|old| self.entries.body(old).to_vec());
        let every = every.or_else(|| self.gate.period(self.entries.place(present?).seq));
        let group = group.or(kept_group.as_deref());
        let payload = payload.or(kept_payload.as_deref());
        self.put(&Addition { group, every, payload, ..*addition }, hash, old);
        self.totals.late += u64::from(added == Added::Ready);
        Ok(added)
    }

    fn check_every(&self, every: Option<Millis>) -> Result<(), Error> {
        match every {
            None => Ok(()),
            Some(_) if !self.is_clock() => Err(Error::EveryNeedsClock),
            Some(every) if every.is_zero() || every > Millis::MAX_DURATION => {
                Err(Error::OutOfRange("EVERY must be an integer between 1 and 315360000000"))
            }
            Some(_) => Ok(()),
        }
    }

    fn check_group(&self, group: Option<&[u8]>) -> Result<(), Error> {
        match (group, &self.groups) {
            (Some(_), None) => Err(Error::NoGroups),
            _ => Ok(()),
        }
    }

    /// Gives the element of this id another timestamp, and leaves all else as it is. O(log n) and O(its bytes).
    ///
    /// Errors: [`Error::Late`], [`Error::Exhausted`].
    pub fn put_off(&mut self, timestamp: i64, id: &[u8], now: UnixMs) -> Result<Added, Error> {
        let guard = Guard::IfPresent;
        self.add(&Addition { guard, group: None, every: None, timestamp, id, payload: None }, now)
    }

    /// Adds all of these elements (timestamp, id, payload) or none; tells for each whether it waits. O(log n) an element.
    ///
    /// Errors: [`Error::Late`], [`Error::Full`], [`Error::Exhausted`].
    pub fn madd(&mut self, elements: &[(i64, &[u8], &[u8])], now: UnixMs) -> Result<Vec<Added>, Error> {
        self.madd_into(None, elements.iter().copied(), now)
    }

    /// Like [`Queue::madd`], all into this group. The elements are read several times: there may be very many, and no list of them is made.
    ///
    /// Errors: also [`Error::NoGroups`].
    pub fn madd_into<'a>(
        &mut self,
        group: Option<&[u8]>,
        elements: impl ExactSizeIterator<Item = (i64, &'a [u8], &'a [u8])> + Clone,
        now: UnixMs,
    ) -> Result<Vec<Added>, Error> {
        self.check_group(group)?;
        let is_known = |id: &[u8]| self.remembers() && self.is_known(id, self.gate.names.hash(id), self.find(id), now);
        for (timestamp, id, _) in elements.clone() {
            if !is_known(id) {
                self.placed(timestamp, now)?;
            }
        }
        let mut new = 0;
        if self.options.max_len != 0 {
            let mut ids = HashSet::with_hasher(self.gate.names.hashing());
            ids.extend(elements.clone().map(|(_, id, _)| id).filter(|id| !is_known(id) && self.find(id).is_none()));
            new = ids.len();
        }
        self.check_room(new, elements.len())?;
        let mut added = Vec::with_capacity(elements.len());
        for (timestamp, id, payload) in elements {
            let hash = self.gate.names.hash(id);
            let old = self.gate.names.get_hashed(&self.entries, id, hash);
            if self.is_known(id, hash, old, now) {
                added.push(Added::Refused);
                continue;
            }
            let placed = self.placed(timestamp, now)?;
            self.put(&Addition { group, ..Addition::once(Guard::Always, timestamp, id, payload) }, hash, old);
            self.totals.late += u64::from(placed == Added::Ready);
            added.push(placed);
        }
        Ok(added)
    }

    /// Whether the key remembers ids, and the work of this one is in hand or done: then it is not added once more.
    fn is_known(&self, id: &[u8], hash: u32, old: Option<Handle>, now: UnixMs) -> bool {
        self.remembers()
            && match old {
                Some(old) => self.entries.state(old) == State::Leased,
                None => self.gate.remembered.has(&self.gate.names, id, hash, now),
            }
    }

    /// What becomes of a new element with this timestamp. Fails if the element is late and the key takes no such elements.
    fn placed(&self, timestamp: i64, now: UnixMs) -> Result<Added, Error> {
        let is_late = self.gate.horizon(now).is_some_and(|watermark| timestamp <= watermark);
        match self.gate.rules.late {
            Late::Reject if is_late => Err(Error::Late),
            Late::Ready if is_late => Ok(Added::Ready),
            Late::Ready | Late::Reject => Ok(Added::Waits),
        }
    }

    fn put(&mut self, addition: &Addition<'_>, hash: u32, old: Option<Handle>) {
        let Addition { group, every, timestamp, id, payload, .. } = *addition;
        let new = self.enter_into(timestamp, id, payload.unwrap_or_default(), hash, group);
        if let Some(every) = every {
            self.gate.recur(self.entries.place(new).seq, every);
        }
        let Some(old) = old else {
            // One whose time is over may still stand there.
            self.gate.remembered.forget(&mut self.gate.names, id, hash);
            self.gate.names.insert(new, hash);
            return;
        };
        self.gate.names.replace(old, new, hash);
        self.gate.stop(self.entries.place(old).seq);
        if self.entries.state(old) == State::Leased {
            self.entries.set_superseded(old, true);
            self.superseded += 1;
        } else {
            self.lift(old);
            self.revoke(old);
            self.erase_nameless(old);
        }
    }
}
