//! ALTER: changes the delivery options from now on.

use super::sweep::{Goal, SWEEP_AT_MOST};
use crate::error::Error;
use crate::gate::Gate;
use crate::options::DeliveryOptions;
use crate::queue::Queue;
use crate::time::UnixMs;

impl<G: Gate> Queue<G> {
    /// Goes on with these options. True if they differ from the old ones. If they change what happens at the end of a
    /// lease, this costs O(log n) for each lease and delay that is due and not yet swept.
    ///
    /// Errors: options out of range; [`Error::Leased`] if a sink is set while entries are leased; [`Error::SinkOfGroups`]; [`Error::GroupsFixed`]
    /// if these options would give the key groups, or take them, or change whether they take turns.
    pub fn alter_delivery(&mut self, options: DeliveryOptions, now: UnixMs) -> Result<bool, Error> {
        options.check()?;
        if options == self.options {
            return Ok(false);
        }
        if options.fair != self.options.fair || (options.group_limit == 0) != (self.options.group_limit == 0) {
            return Err(Error::GroupsFixed);
        }
        let sets_sink = options.sink.is_some() && options.sink != self.options.sink;
        if sets_sink && self.grants.next_deadline_after(now).is_some() {
            return Err(Error::Leased);
        }
        // What has ended already ends by the old options, where the new ones make a difference.
        if self.retries_otherwise(&options) {
            self.sweep(now, Goal::All);
        }
        if let Some(groups) = &mut self.groups {
            groups.set_limit(options.group_limit);
        }
        self.options = options;
        Ok(true)
    }

    /// Whether these options change what happens at the end of a lease.
    pub fn retries_otherwise(&self, options: &DeliveryOptions) -> bool {
        let fate = |options: &DeliveryOptions| (options.max_deliveries, options.backoff, options.max_backoff);
        fate(options) != fate(&self.options)
    }

    /// Whether more is due and not yet swept than one operation should sweep ([`SWEEP_AT_MOST`]), as far as leases and delays tell.
    /// O([`SWEEP_AT_MOST`]).
    pub fn is_behind(&mut self, now: UnixMs) -> bool {
        if !self.gate.sort_overdue(now, SWEEP_AT_MOST) {
            return true;
        }
        let delays = self.delays.keys().take_while(|(until, _)| until.is_due(now)).take(SWEEP_AT_MOST + 1).count();
        self.grants.count_due(now, SWEEP_AT_MOST) + delays + self.gate.overdue(now) > SWEEP_AT_MOST
    }

    /// Forgets the sink, because the key goes on under another name than that under which the sink was set.
    pub fn drop_sink(&mut self) {
        self.options.sink = None;
    }
}
