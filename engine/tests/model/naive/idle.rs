//! DEBOUNCE as a list of groups that collect.

use super::{Entry, Gate, Naive};
use tsgen_engine::{IdleRules, Pushed, UnixMs};

/// Items with the times they came.
pub type Items = Vec<(Vec<u8>, i64)>;

#[derive(Clone, Debug)]
pub struct Idle {
    pub rules: IdleRules,
    pub groups: Vec<Group>,
}

#[derive(Clone, Debug)]
pub struct Group {
    pub name: Vec<u8>,
    pub items: Items,
    pub waits_since: i64,
    pub fires_at: i64,
    /// Why, then.
    pub reason: &'static str,
    /// In order of creation.
    pub seq: u64,
}

impl Group {
    fn fired(self, reason: &'static str, at: i64) -> Entry<(&'static str, Items)> {
        Entry::new(&self.name, at, self.seq, (reason, self.items))
    }
}

impl Gate for Idle {
    /// Why it fired, and what it had.
    type Content = (&'static str, Items);

    fn horizon(&self, _: i64) -> Option<i64> {
        Some(i64::MAX)
    }

    fn fire(&mut self, now: i64) -> Vec<Entry<Self::Content>> {
        let (due, collecting) = self.groups.drain(..).partition(|group| group.fires_at <= now);
        self.groups = collecting;
        let due: Vec<Group> = due;
        due.into_iter()
            .map(|group| {
                let (reason, at) = (group.reason, group.fires_at);
                group.fired(reason, at)
            })
            .collect()
    }

    fn collecting(&self) -> usize {
        self.groups.len()
    }

    fn fires(&self, now: i64) -> bool {
        self.groups.iter().any(|group| group.fires_at <= now)
    }

    fn next_end(&self, now: i64) -> Option<i64> {
        self.groups.iter().map(|group| group.fires_at).filter(|at| *at > now).min()
    }

    fn by_time(&self) -> bool {
        true
    }
}

impl Naive<Idle> {
    fn take(&mut self, index: usize, reason: &'static str, at: i64) {
        let group = self.gate.groups.remove(index);
        self.enter(group.fired(reason, at));
    }

    /// The group of this name, overdue or not.
    fn find(&self, name: &[u8]) -> Option<usize> {
        self.gate.groups.iter().position(|group| group.name == name)
    }

    pub fn collecting(&self, name: &[u8], now: i64) -> Option<usize> {
        self.find(name).filter(|index| self.gate.groups[*index].fires_at > now)
    }

    /// All or nothing.
    pub fn push(&mut self, name: &[u8], items: &[Vec<u8>], now: i64) -> Result<Pushed, &'static str> {
        let mut tried = self.clone();
        let pushed = tried.try_push(name, items, now)?;
        *self = tried;
        Ok(pushed)
    }

    fn try_push(&mut self, name: &[u8], items: &[Vec<u8>], now: i64) -> Result<Pushed, &'static str> {
        let rules = self.gate.rules;
        if let Some(overdue) = self.find(name).filter(|index| self.gate.groups[*index].fires_at <= now) {
            let Group { reason, fires_at, .. } = self.gate.groups[overdue];
            self.take(overdue, reason, fires_at);
        }
        if let Some(index) = self.find(name).filter(|_| !rules.max_wait.is_zero()) {
            let group = &mut self.gate.groups[index];
            group.waits_since = group.waits_since.min(now);
        }
        let mut filled = 0;
        for item in items {
            let index = match self.find(name) {
                Some(index) => index,
                None if !self.has_room() => return Err("FULL"),
                None => {
                    let seq = self.next_seq();
                    let (name, items) = (name.to_vec(), Vec::new());
                    self.gate.groups.push(Group { name, items, waits_since: now, fires_at: now, reason: "", seq });
                    self.gate.groups.len() - 1
                }
            };
            let group = &mut self.gate.groups[index];
            if !(rules.unique && group.items.iter().any(|(known, _)| known == item)) {
                group.items.push((item.clone(), now));
            }
            if rules.max_items != 0 && group.items.len() as u64 >= rules.max_items {
                self.take(index, "full", now);
                filled += 1;
            }
        }
        let Some(index) = self.find(name) else { return Ok(Pushed { collecting: 0, filled, fires_at: None }) };
        let group = &mut self.gate.groups[index];
        (group.fires_at, group.reason) = (now + rules.idle.0 as i64, "idle");
        let latest = (group.waits_since + rules.max_wait.0 as i64).max(now);
        if !rules.max_wait.is_zero() && latest < group.fires_at {
            (group.fires_at, group.reason) = (latest, "maxwait");
        }
        Ok(Pushed { collecting: group.items.len(), filled, fires_at: Some(UnixMs(group.fires_at)) })
    }

    pub fn flush(&mut self, names: &[Vec<u8>], now: i64) -> usize {
        let mut count = 0;
        for name in names {
            if let Some(index) = self.collecting(name, now) {
                self.take(index, "flush", now);
                count += 1;
            }
        }
        count
    }

    pub fn flush_all(&mut self, count: usize, now: i64) -> usize {
        let names: Vec<_> = self.listed(None, count, now).into_iter().map(|(name, ..)| name).collect();
        self.flush(&names, now)
    }

    pub fn cancel(&mut self, names: &[Vec<u8>], now: i64) -> usize {
        let mut count = 0;
        for name in names {
            if let Some(index) = self.collecting(name, now) {
                self.gate.groups.remove(index);
                count += 1;
            }
        }
        count
    }

    /// Collecting groups with how many items and until when, next to fire first, from just behind `after` if that collects.
    pub fn listed(&self, after: Option<&[u8]>, count: usize, now: i64) -> Vec<(Vec<u8>, usize, i64)> {
        let mut groups: Vec<&Group> = self.gate.groups.iter().filter(|group| group.fires_at > now).collect();
        groups.sort_by_key(|group| (group.fires_at, group.seq));
        let after = groups.iter().position(|group| Some(&group.name[..]) == after);
        let rest = groups.iter().skip(after.map_or(0, |index| index + 1)).take(count);
        rest.map(|group| (group.name.clone(), group.items.len(), group.fires_at)).collect()
    }
}
