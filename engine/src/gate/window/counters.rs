//! The operations of TALLY itself: increments, sums that are looked at, and windows that are sealed early.

use super::field::Field;
use super::{Batch, FieldKind, Open, Sums, Window, WindowRules};
use crate::error::Error;
use crate::hashing::Hashing;
use crate::options::DeliveryOptions;
use crate::queue::{Queue, Settled};
use crate::time::UnixMs;
use crate::token::{Token, MAX_TOKEN};
use std::collections::HashMap;

/// What came of one increment, or of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incremented<S> {
    /// The sum afterwards, or the sums in the order of the increments.
    pub sum: S,
    /// What else they did.
    pub counted: Counted,
}

/// What increments did, beside their sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Whether they only added to a window that was open: to repeat them needs no time.
    pub is_plain: bool,
    /// How many windows were sealed.
    pub sealed: usize,
    /// When the window that they have opened or begun anew will be sealed; none if there is no such window, or it is sealed already.
    pub opened_until: Option<UnixMs>,
}

/// The open window as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenWindow {
    /// When it opened.
    pub opened_at: UnixMs,
    /// When it is sealed.
    pub seals_at: UnixMs,
    /// How many fields it has.
    pub fields: usize,
}

const PLAIN: Counted = Counted { is_plain: true, sealed: 0, opened_until: None };

impl Queue<Window> {
    /// An empty key. `seed` keys the hashes of fields and shows nowhere.
    ///
    /// Errors: rules or options out of range.
    pub fn create(rules: WindowRules, options: DeliveryOptions, seed: [u64; 2]) -> Result<Self, Error> {
        Queue::with_gate(Window::new(rules, seed)?, options, seed)
    }

    /// What it sums, and for how long.
    pub fn rules(&self) -> &WindowRules {
        &self.gate.rules
    }

    /// Changes when windows are sealed: the time from the next window on, the number of fields from the next increment on. The
    /// other rules are fixed. True if anything changed.
    ///
    /// Errors: rules out of range.
    pub fn alter_rules(&mut self, rules: WindowRules) -> Result<bool, Error> {
        let before = self.gate.rules;
        let rules = WindowRules { every: rules.every, max_fields: rules.max_fields, ..before };
        rules.check()?;
        self.gate.rules = rules;
        Ok(rules != before)
    }

    /// Whether a window is open, even if it is overdue.
    pub fn has_window(&self) -> bool {
        self.gate.open.is_some()
    }

    /// The open window, unless its time is over.
    pub fn window(&self, now: UnixMs) -> Option<OpenWindow> {
        let open = self.gate.open.as_ref().filter(|open| !open.seals_at.is_due(now))?;
        Some(OpenWindow { opened_at: open.opened_at, seals_at: open.seals_at, fields: open.sums.len() })
    }

    /// Adds to the sum of one field in the open window. O(1), and O(n log n) if the window gets full.
    ///
    /// If the clock has stepped back behind the beginning of the window, it begins anew. A plain increment is repeated at [`UnixMs::EVER`],
    /// at which the window is still open.
    /// Errors: [`Error::NotUuid`], [`Error::BelowMin`], [`Error::AboveMax`], [`Error::Overflow`], [`Error::Full`], [`Error::Exhausted`].
    #[inline]
    pub fn incr(&mut self, field: &[u8], delta: i64, now: UnixMs) -> Result<Incremented<i64>, Error> {
        self.gate.rules.check_delta(delta)?;
        let field = self.gate.rules.field.field(field)?;
        let (field, rules) = (field.as_bytes(), self.gate.rules);
        let hash = self.gate.hash(field);
        // Nearly always it is this simple.
        let is_open = |open: &&mut Open| !open.seals_at.is_due(now) && (open.opened_at <= now || now == UnixMs::EVER);
        if let Some(open) = self.gate.open.as_mut().filter(is_open) {
            if let Some(number) = open.sums.find(field, hash) {
                let sum = open.sums.sum(number).checked_add(delta).ok_or(Error::Overflow)?;
                open.sums.set(number, sum);
                return Ok(Incremented { sum, counted: PLAIN });
            }
            if !rules.is_full(open.sums.len() + 1, open.sums.size() + field.len()) {
                open.sums.insert(field, hash, delta);
                return Ok(Incremented { sum: delta, counted: PLAIN });
            }
        }
        self.check_windows(std::iter::once((field, delta)), now)?;
        let mut counted = PLAIN;
        let sum = self.add(field, delta, now, &mut counted);
        Ok(Incremented { sum, counted })
    }

    /// Like [`Queue::incr`] for several fields at once, in this order, all or none. O(1) each. A field may be named more than once.
    pub fn mincr(&mut self, increments: &[(&[u8], i64)], now: UnixMs) -> Result<Incremented<Vec<i64>>, Error> {
        self.mincr_each(increments.iter().copied(), now)
    }

    /// Like [`Queue::mincr`]. The increments are read several times: there may be very many, and no list of them is made.
    pub fn mincr_each<'a>(
        &mut self,
        increments: impl ExactSizeIterator<Item = (&'a [u8], i64)> + Clone,
        now: UnixMs,
    ) -> Result<Incremented<Vec<i64>>, Error> {
        let rules = self.gate.rules;
        if rules.field == FieldKind::Any {
            increments.clone().try_for_each(|(_, delta)| rules.check_delta(delta))?;
            return self.mincr_stored(increments, now);
        }
        let mut fields: Vec<(Field<'_>, i64)> = Vec::with_capacity(increments.len());
        for (field, delta) in increments {
            rules.check_delta(delta)?;
            fields.push((rules.field.field(field)?, delta));
        }
        self.mincr_stored(fields.iter().map(|(field, delta)| (field.as_bytes(), *delta)), now)
    }

    /// Does these increments, whose fields are as they are stored, all or none.
    fn mincr_stored<'a>(
        &mut self,
        increments: impl ExactSizeIterator<Item = (&'a [u8], i64)> + Clone,
        now: UnixMs,
    ) -> Result<Incremented<Vec<i64>>, Error> {
        self.check_windows(increments.clone(), now)?;
        let mut counted = PLAIN;
        let sum = increments.map(|(field, delta)| self.add(field, delta, now, &mut counted)).collect();
        Ok(Incremented { sum, counted })
    }

    /// Fails if a sum would overflow with these increments, or there is no room for the windows that they would open. O(1) each.
    fn check_windows<'a>(
        &self,
        increments: impl ExactSizeIterator<Item = (&'a [u8], i64)> + Clone,
        now: UnixMs,
    ) -> Result<(), Error> {
        let gate = &self.gate;
        let open = gate.open.as_ref().filter(|_| !gate.is_overdue(now)).map(|open| &open.sums);
        // Nearly always it is this simple: all go into one window, and no sum gets near what a number can hold.
        let (mut bytes, mut largest) = open.map_or((0, 0), |sums| (sums.size(), sums.largest()));
        for (field, delta) in increments.clone() {
            (bytes, largest) = (bytes + field.len(), largest.saturating_add(delta.unsigned_abs()));
        }
        let fields = open.map_or(0, Sums::len) + increments.len();
        let opened = if !gate.rules.is_full(fields, bytes) && largest <= i64::MAX as u64 {
            usize::from(open.is_none() && increments.len() > 0)
        } else {
            self.opened_by(increments, open)?
        };
        if opened > 0 && gate.last_batch.max(super::first_token(0, now)) > MAX_TOKEN - 2 - opened as Token {
            return Err(Error::Exhausted);
        }
        self.check_room(opened, opened)
    }

    /// Simulates these increments, which begin in this window if there is one: how many windows they open. Fails if a sum would overflow.
    fn opened_by<'a>(
        &self,
        increments: impl Iterator<Item = (&'a [u8], i64)>,
        open: Option<&Sums>,
    ) -> Result<usize, Error> {
        let gate = &self.gate;
        let mut old = open;
        let (mut fields, mut bytes) = old.map_or((0, 0), |sums| (sums.len(), sums.size()));
        let mut is_open = old.is_some();
        let mut new: HashMap<&'a [u8], i64, Hashing> = HashMap::with_hasher(Hashing(gate.hasher));
        let mut opened = 0;
        for (field, delta) in increments {
            if !is_open {
                (is_open, fields, bytes) = (true, 0, 0);
                opened += 1;
            }
            let known = new.get(field).copied();
            let known = known.or_else(|| old.and_then(|sums| Some(sums.sum(sums.find(field, gate.hash(field))?))));
            let sum = known.unwrap_or(0).checked_add(delta).ok_or(Error::Overflow)?;
            new.insert(field, sum);
            if known.is_none() {
                (fields, bytes) = (fields + 1, bytes + field.len());
                if gate.rules.is_full(fields, bytes) {
                    (old, is_open) = (None, false);
                    new.clear();
                }
            }
        }
        Ok(opened)
    }

    /// Does one increment that has been checked, and counts in `counted` what else it does; returns the sum.
    fn add(&mut self, field: &[u8], delta: i64, now: UnixMs, counted: &mut Counted) -> i64 {
        let hash = self.gate.hash(field);
        if self.gate.is_overdue(now) {
            if let Some(handle) = super::Gate::fire(&mut self.gate, now, &mut self.entries) {
                self.take_in(handle);
            }
            *counted = Counted { is_plain: false, sealed: counted.sealed + 1, opened_until: None };
        }
        let seals_at = now.after(self.gate.rules.every);
        let is_ahead = self.gate.is_ahead(now);
        let open = match &mut self.gate.open {
            Some(open) => {
                if is_ahead {
                    (open.opened_at, open.seals_at) = (now, seals_at);
                    *counted = Counted { is_plain: false, opened_until: Some(seals_at), ..*counted };
                }
                open
            }
            closed @ None => {
                *counted = Counted { is_plain: false, opened_until: Some(seals_at), ..*counted };
                self.next_seq += 1;
                closed.insert(Open { sums: Sums::new(), opened_at: now, seals_at, seq: self.next_seq - 1 })
            }
        };
        if let Some(number) = open.sums.find(field, hash) {
            let sum = open.sums.sum(number).wrapping_add(delta);
            open.sums.set(number, sum);
            return sum;
        }
        open.sums.insert(field, hash, delta);
        let (fields, bytes) = (open.sums.len(), open.sums.size());
        if self.gate.rules.is_full(fields, bytes) {
            self.seal_now(now);
            *counted = Counted { is_plain: false, sealed: counted.sealed + 1, opened_until: None };
        }
        delta
    }

    fn seal_now(&mut self, now: UnixMs) {
        if let Some(handle) = self.gate.seal(now, now, &mut self.entries) {
            self.take_in(handle);
        }
    }

    /// Seals the open window, unless its time is over and it counts as sealed already; returns the number of its fields. O(n log n).
    pub fn seal(&mut self, now: UnixMs) -> Settled {
        let Some(OpenWindow { fields, .. }) = self.window(now) else { return Settled::default() };
        self.seal_now(now);
        Settled { count: fields, changed: true }
    }

    /// The sum of a field in the open window and in all batches there are, whatever their state. O(log n) for each batch.
    ///
    /// Errors: [`Error::NotUuid`]; [`Error::Overflow`] if it is no 64-bit number.
    pub fn sum(&self, field: &[u8]) -> Result<i64, Error> {
        let field = self.gate.rules.field.field(field)?;
        let field = field.as_bytes();
        let collected = self.gate.open.as_ref().and_then(|open| {
            let number = open.sums.find(field, self.gate.hash(field))?;
            Some(open.sums.sum(number))
        });
        let sealed = self.gate.batches.values().filter_map(|handle| Batch::of(self.entries.body(*handle)).sum(field));
        let sum: i128 = collected.into_iter().chain(sealed).map(i128::from).sum();
        i64::try_from(sum).map_err(|_| Error::Overflow)
    }

    /// Whether the time of a window has ended by `now`: since `after` if the window is not sealed yet, since `sealed_after` if it is.
    pub fn ended_between(&self, after: UnixMs, sealed_after: UnixMs, now: UnixMs) -> bool {
        let overdue = self.gate.open.as_ref().filter(|open| open.seals_at.is_due(now));
        // A window that was sealed before the clock stepped back was announced then.
        let ended_at = Some(self.gate.last_ended_at).filter(|at| at.is_due(now));
        overdue.is_some_and(|open| open.seals_at > after) || ended_at.is_some_and(|at| at > sealed_after)
    }
}
