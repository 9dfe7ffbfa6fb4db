//! What a TSGEN key should do, said as simply as possible: a list, scanned from end to end by every operation.

use tsgen_engine::{Added, DeliveryOptions, Guard, Millis, TokenRange};

#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Queued,
    Leased { until: i64 },
    Delayed { until: i64 },
    Dead { at: i64, by_lease_end: bool, reason: Vec<u8> },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub id: u8,
    pub timestamp: i64,
    pub seq: u64,
    pub payload: Vec<u8>,
    pub deliveries: u32,
    /// Of the last delivery; 0 once stale.
    pub token: u64,
    pub consumer: u8,
    pub state: State,
    pub superseded: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Naive {
    pub items: Vec<Item>,
    pub clock: bool,
    pub reject_late: bool,
    pub watermark: Option<i64>,
    pub options: DeliveryOptions,
    pub seq: u64,
    pub last_token: u64,
}

impl Naive {
    pub fn horizon(&self, now: i64) -> Option<i64> {
        if self.clock {
            Some(self.watermark.unwrap_or(now).max(now))
        } else {
            self.watermark
        }
    }

    pub fn is_ready(&self, item: &Item, now: i64) -> bool {
        item.state == State::Queued && self.horizon(now).is_some_and(|watermark| item.timestamp <= watermark)
    }

    pub fn state_name(&self, item: &Item, now: i64) -> &'static str {
        match item.state {
            State::Queued if self.is_ready(item, now) => "ready",
            State::Queued => "waiting",
            State::Leased { .. } => "leased",
            State::Delayed { .. } => "delayed",
            State::Dead { .. } => "dead",
        }
    }

    fn lapse(&mut self, index: usize) {
        let State::Leased { until } = self.items[index].state else { return };
        let deliveries = self.items[index].deliveries;
        let delay = self.options.delay_after(deliveries).0 as i64;
        self.items[index].state = if self.options.max_deliveries != 0 && deliveries >= self.options.max_deliveries {
            State::Dead { at: until, by_lease_end: true, reason: b"lease ended".to_vec() }
        } else if delay > 0 {
            State::Delayed { until: until + delay }
        } else {
            State::Queued
        };
    }

    /// Everything due by `now`, among the items that are meant, ends.
    pub fn sweep(&mut self, now: i64, meant: impl Fn(&Item) -> bool) {
        for index in 0..self.items.len() {
            let due = matches!(self.items[index].state, State::Leased { until } if until <= now);
            if due && meant(&self.items[index]) {
                self.lapse(index);
            }
        }
        self.items.retain(|item| !item.superseded || matches!(item.state, State::Leased { .. }));
    }

    pub fn sweep_all(&mut self, now: i64) {
        self.sweep(now, |_| true);
        for item in &mut self.items {
            if matches!(item.state, State::Delayed { until } if until <= now) {
                item.state = State::Queued;
            }
        }
    }

    pub fn swept(&self, now: i64) -> Naive {
        let mut swept = self.clone();
        swept.sweep_all(now);
        swept
    }

    pub fn newest(&self, id: u8) -> Option<usize> {
        self.items.iter().position(|item| item.id == id && !item.superseded)
    }

    pub fn add(
        &mut self,
        guard: Guard,
        timestamp: i64,
        id: u8,
        payload: &[u8],
        now: i64,
    ) -> Result<Added, &'static str> {
        let old = self.newest(id);
        if (guard == Guard::IfAbsent && old.is_some()) || (guard == Guard::IfPresent && old.is_none()) {
            return Ok(Added::Refused);
        }
        let late = self.horizon(now).is_some_and(|watermark| timestamp <= watermark);
        if late && self.reject_late {
            return Err("LATE");
        }
        let held = self.items.iter().filter(|item| !item.superseded).count() as u64;
        if old.is_none() && self.options.max_len != 0 && held >= self.options.max_len {
            return Err("FULL");
        }
        if let Some(old) = old {
            if matches!(self.items[old].state, State::Leased { .. }) {
                self.items[old].superseded = true;
            } else {
                self.items.remove(old);
            }
        }
        self.items.push(Item {
            id,
            timestamp,
            seq: self.seq,
            payload: payload.to_vec(),
            deliveries: 0,
            token: 0,
            consumer: 0,
            state: State::Queued,
            superseded: false,
        });
        self.seq += 1;
        Ok(if late { Added::Ready } else { Added::Waits })
    }

    pub fn rem(&mut self, id: u8) -> bool {
        self.newest(id).map(|index| self.items.remove(index)).is_some()
    }

    /// (token, deliveries, id) of each.
    pub fn claim(&mut self, consumer: u8, count: usize, lease: i64, now: i64) -> Vec<(u64, u32, u8)> {
        self.sweep_all(now);
        let mut ready: Vec<usize> =
            (0..self.items.len()).filter(|index| self.is_ready(&self.items[*index], now)).collect();
        ready.sort_by_key(|index| (self.items[*index].timestamp, self.items[*index].seq));
        ready.truncate(count);
        if !ready.is_empty() && self.clock {
            self.watermark = self.horizon(now);
        }
        let first = (self.last_token + 1).max(now.max(0) as u64 * 1024);
        let mut claimed = Vec::new();
        for (token, index) in (first..).zip(ready) {
            let item = &mut self.items[index];
            item.token = token;
            item.deliveries += 1;
            item.consumer = consumer;
            item.state = State::Leased { until: now + lease };
            claimed.push((token, item.deliveries, item.id));
            self.last_token = token;
        }
        claimed
    }

    fn named(ranges: &[TokenRange], token: u64) -> bool {
        token != 0 && ranges.iter().any(|range| (range.first..=range.last).contains(&token))
    }

    pub fn ack(&mut self, ranges: &[TokenRange]) -> usize {
        let before = self.items.len();
        self.items.retain(|item| {
            !Self::named(ranges, item.token) || matches!(item.state, State::Dead { by_lease_end: false, .. })
        });
        before - self.items.len()
    }

    pub fn nack(&mut self, ranges: &[TokenRange], delay: Option<Millis>, dead: bool, reason: &[u8], now: i64) -> usize {
        self.sweep(now, |item| Self::named(ranges, item.token));
        let mut count = 0;
        for item in &mut self.items {
            if !Self::named(ranges, item.token) || matches!(item.state, State::Dead { .. }) {
                continue;
            }
            count += 1;
            if item.superseded {
                item.state = State::Queued;
                continue;
            }
            if dead || self.options.exhausted(item.deliveries) {
                item.state = State::Dead { at: now, by_lease_end: false, reason: reason.to_vec() };
                continue;
            }
            item.token = 0;
            let delay = delay.unwrap_or(self.options.delay_after(item.deliveries)).0 as i64;
            item.state = if delay == 0 { State::Queued } else { State::Delayed { until: now + delay } };
        }
        self.items.retain(|item| !(item.superseded && item.state == State::Queued));
        count
    }

    pub fn extend(&mut self, ranges: &[TokenRange], lease: i64, now: i64) -> usize {
        self.sweep(now, |item| Self::named(ranges, item.token));
        let mut count = 0;
        for item in &mut self.items {
            if Self::named(ranges, item.token) && !matches!(item.state, State::Dead { .. }) {
                item.state = State::Leased { until: now + lease };
                count += 1;
            }
        }
        count
    }

    pub fn release(&mut self, consumer: u8, now: i64) -> usize {
        let mut count = 0;
        for item in &mut self.items {
            if item.consumer == consumer && matches!(item.state, State::Leased { until } if until > now) {
                count += 1;
                item.state = State::Queued;
                item.deliveries -= 1;
                item.token = 0;
            }
        }
        self.items.retain(|item| !(item.superseded && item.state == State::Queued));
        count
    }

    /// The dead letters meant, as indexes, by token.
    fn letters(&mut self, which: Result<usize, &[TokenRange]>, now: i64) -> Vec<usize> {
        match which {
            Ok(_) => self.sweep_all(now),
            Err(ranges) => self.sweep(now, |item| Self::named(ranges, item.token)),
        }
        let mut dead: Vec<usize> =
            (0..self.items.len()).filter(|index| matches!(self.items[*index].state, State::Dead { .. })).collect();
        dead.sort_by_key(|index| self.items[*index].token);
        match which {
            Ok(count) => dead.truncate(count),
            Err(ranges) => dead.retain(|index| Self::named(ranges, self.items[*index].token)),
        }
        dead
    }

    pub fn requeue(&mut self, which: Result<usize, &[TokenRange]>, now: i64) -> usize {
        let letters = self.letters(which, now);
        for index in &letters {
            let item = &mut self.items[*index];
            item.state = State::Queued;
            item.deliveries = 0;
            item.token = 0;
        }
        letters.len()
    }

    pub fn discard(&mut self, which: Result<usize, &[TokenRange]>, now: i64) -> usize {
        let letters = self.letters(which, now);
        let tokens: Vec<u64> = letters.iter().map(|index| self.items[*index].token).collect();
        self.items.retain(|item| !matches!(item.state, State::Dead { .. }) || !tokens.contains(&item.token));
        letters.len()
    }

    pub fn drop_ready(&mut self, count: usize, now: i64) -> usize {
        self.sweep_all(now);
        let mut ready: Vec<(i64, u64)> =
            self.items.iter().filter(|item| self.is_ready(item, now)).map(|item| (item.timestamp, item.seq)).collect();
        ready.sort_unstable();
        ready.truncate(count);
        if !ready.is_empty() && self.clock {
            self.watermark = self.horizon(now);
        }
        self.items.retain(|item| item.state != State::Queued || !ready.contains(&(item.timestamp, item.seq)));
        ready.len()
    }
}
