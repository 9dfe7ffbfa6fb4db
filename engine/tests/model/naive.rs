//! What a key should do, said as simply as possible: lists, scanned from end to end by every operation. Here is delivery,
//! the same for every family; the gates are in `naive/`.

#[path = "naive/entry.rs"]
mod entry;
#[path = "naive/gate.rs"]
mod gate;
#[path = "naive/groups.rs"]
mod groups;
#[path = "naive/idle.rs"]
pub mod idle;
#[path = "naive/operator.rs"]
mod operator;
#[path = "naive/ttl.rs"]
pub mod ttl;
#[path = "naive/watermark.rs"]
pub mod watermark;
#[path = "naive/window.rs"]
pub mod window;
#[path = "naive/worker.rs"]
mod worker;

pub use entry::{Entry, Handed, State};
pub use gate::Gate;
use std::fmt::Debug;
use tsgen_engine::{DeliveryOptions, Totals};

#[derive(Clone, Debug)]
pub struct Naive<G: Gate> {
    pub gate: G,
    pub entries: Vec<Entry<G::Content>>,
    pub options: DeliveryOptions,
    pub seq: u64,
    pub last_token: u64,
    pub totals: Totals,
    pub groups: groups::Groups,
}

impl<G: Gate> Naive<G> {
    pub fn new(gate: G, options: DeliveryOptions) -> Self {
        let groups = groups::Groups::default();
        Naive { gate, entries: Vec::new(), options, seq: 0, last_token: 0, totals: Totals::default(), groups }
    }

    /// Adds a new entry.
    pub fn enter(&mut self, entry: Entry<G::Content>) {
        self.take_turn_if_new(&entry.group, self.is_in_use(&entry.group));
        self.entries.push(entry);
    }

    pub fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq - 1
    }

    pub fn len(&self) -> usize {
        self.entries.iter().filter(|entry| !entry.superseded).count() + self.gate.collecting()
    }

    pub fn has_room(&self) -> bool {
        self.options.max_len == 0 || (self.len() as u64) < self.options.max_len
    }

    pub fn is_ready(&self, entry: &Entry<G::Content>, now: i64) -> bool {
        entry.state == State::Queued && self.gate.horizon(now).is_some_and(|horizon| entry.key <= horizon)
    }

    pub fn state_name(&self, entry: &Entry<G::Content>, now: i64) -> &'static str {
        match entry.state {
            State::Queued if self.is_ready(entry, now) => "ready",
            State::Queued => "waiting",
            State::Leased { .. } => "leased",
            State::Delayed { .. } => "delayed",
            State::Dead { .. } => "dead",
        }
    }

    /// Its work is settled at `at`: the next run is made, if it comes again. Its group stays in use.
    fn come_again(&mut self, index: usize, at: i64) {
        let run = &mut self.entries[index];
        let Some(every) = run.every.take() else { return };
        run.past = true;
        let mut next =
            Entry { every: Some(every), ..Entry::new(&run.name, run.key + every, self.seq, run.content.clone()) };
        next.group = run.group.clone();
        while next.key <= at {
            next.key += every;
        }
        self.seq += 1;
        self.entries.push(next);
    }

    fn lapse(&mut self, index: usize) {
        let State::Leased { until } = self.entries[index].state else { return };
        let deliveries = self.entries[index].deliveries;
        let delay = self.options.delay_after(deliveries).0 as i64;
        let dies = self.options.max_deliveries != 0 && deliveries >= self.options.max_deliveries;
        if dies {
            self.come_again(index, until);
        }
        self.entries[index].state = if dies {
            self.totals.died += u64::from(!self.entries[index].superseded);
            State::Dead { at: until, by_lease_end: true, reason: b"lease ended".to_vec() }
        } else if delay > 0 {
            State::Delayed { until: until + delay }
        } else {
            State::Queued
        };
    }

    /// Every lease due by `now`, of the entries that are meant, ends: in order of what is told by `order`.
    fn sweep(&mut self, now: i64, meant: impl Fn(&Entry<G::Content>) -> bool, order: impl Fn(i64) -> i64) {
        let mut due: Vec<(i64, u64, usize)> = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            match entry.state {
                State::Leased { until } if until <= now && meant(entry) => due.push((order(until), entry.token, index)),
                _ => {}
            }
        }
        due.sort_unstable();
        due.into_iter().for_each(|(.., index)| self.lapse(index));
        self.entries.retain(|entry| !entry.superseded || matches!(entry.state, State::Leased { .. }));
    }

    pub fn sweep_all(&mut self, now: i64) {
        let before = self.entries.clone();
        self.sweep(now, |_| true, |until| until);
        for entry in &mut self.entries {
            if matches!(entry.state, State::Delayed { until } if until <= now) {
                entry.state = State::Queued;
                entry.nacked = 0;
            }
        }
        let mut fired = self.gate.fire(now);
        fired.sort_by_key(|entry| (entry.key, entry.seq));
        for entry in fired {
            // What ends later than it fires was still in hand then.
            let later = |other: &Entry<G::Content>| matches!(other.state, State::Leased { until } if until > entry.key);
            let was_in_use = before.iter().any(|other| other.group == entry.group && later(other));
            self.take_turn_if_new(&entry.group, was_in_use || self.is_in_use(&entry.group));
            self.entries.push(entry);
        }
    }

    /// Whether something is ready, or fires with no lease or delay before it that has ended. In a paused key it is for nobody.
    pub fn has_ready(&self, now: i64) -> bool {
        !self.options.paused && self.has_ready_but_for_a_pause(now)
    }

    fn has_ready_but_for_a_pause(&self, now: i64) -> bool {
        let fires_for_sure = self.gate.fires(now) && !self.any_ended(now) && self.options.group_limit == 0;
        self.has_candidate(now) || fires_for_sure
    }

    fn any_ended(&self, now: i64) -> bool {
        self.entries.iter().any(|entry| match entry.state {
            State::Leased { until } | State::Delayed { until } => until <= now,
            _ => false,
        })
    }

    /// Whether something is ready, or a sweep would find something.
    pub fn claimable(&self, now: i64) -> bool {
        !self.options.paused && (self.has_ready(now) || self.any_ended(now) || self.gate.fires(now))
    }

    /// When something ends or opens next. What is due already is not a deadline.
    pub fn next_deadline(&self, now: i64) -> Option<i64> {
        let ends = self.entries.iter().filter_map(|entry| match entry.state {
            State::Leased { until } | State::Delayed { until } => Some(until),
            State::Queued if self.gate.by_time() && !self.is_ready(entry, now) => Some(entry.key),
            _ => None,
        });
        ends.filter(|at| *at > now).chain(self.gate.next_end(now)).min()
    }

    /// The ready entries, as indexes, oldest first.
    fn ready(&self, now: i64) -> Vec<usize> {
        let mut ready: Vec<usize> =
            (0..self.entries.len()).filter(|index| self.is_ready(&self.entries[*index], now)).collect();
        ready.sort_by_key(|index| (self.entries[*index].key, self.entries[*index].seq));
        ready
    }

    fn handed(&self, index: usize, token: u64, deliveries: u32) -> Handed<G::Content> {
        let Entry { name, key, content, .. } = self.entries[index].clone();
        Handed { token, deliveries, name, key, content }
    }

    pub fn claim(&mut self, consumer: u8, count: usize, lease: i64, now: i64) -> Vec<Handed<G::Content>> {
        if self.options.paused {
            return Vec::new();
        }
        self.sweep_all(now);
        let first = (self.last_token + 1).max(now.max(0) as u64 * 1024);
        let (mut claimed, mut indexes) = (Vec::new(), Vec::new());
        for token in (first..).take(count) {
            let Some(index) = self.next(now) else { break };
            indexes.push(index);
            let entry = &mut self.entries[index];
            self.totals.delivered += 1;
            self.totals.redelivered += u64::from(entry.deliveries > 0);
            entry.token = token;
            entry.deliveries += 1;
            entry.consumer = consumer;
            entry.claimed_at = now;
            entry.state = State::Leased { until: now + lease };
            let deliveries = entry.deliveries;
            claimed.push(self.handed(index, token, deliveries));
            self.last_token = token;
        }
        self.check_claimed(&indexes);
        claimed
    }

    pub fn drop_ready(&mut self, count: usize, now: i64) -> Vec<Handed<G::Content>> {
        if self.options.paused {
            return Vec::new();
        }
        self.sweep_all(now);
        let mut ready = self.ready(now);
        ready.truncate(count);
        let dropped = ready.iter().map(|index| self.handed(*index, 0, 0)).collect();
        let seqs: Vec<u64> = ready.iter().map(|index| self.entries[*index].seq).collect();
        self.finish(&ready, now);
        self.entries.retain(|entry| !seqs.contains(&entry.seq));
        dropped
    }
}
