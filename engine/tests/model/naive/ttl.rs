//! EXPIRY as a list of tracked keys, of one node.

use super::{Entry, Gate};
use tsgen_engine::{Copied, Ending, TtlRules};

#[derive(Clone, Debug)]
pub struct Ttl {
    pub rules: TtlRules,
    pub tracked: Vec<Tracked>,
}

#[derive(Clone, Debug)]
pub struct Tracked {
    pub name: Vec<u8>,
    pub deadline: i64,
    pub kept: Option<Copied>,
    pub evicted: bool,
}

impl Tracked {
    fn size(&self) -> usize {
        self.kept.iter().flat_map(|kept| &kept.bytes).map(|bytes| bytes.len()).sum()
    }
}

impl Gate for Ttl {
    /// How the key ended, its type and its value, as far as they were known.
    type Content = (Ending, Option<u8>, Option<Vec<u8>>);

    fn horizon(&self, _: i64) -> Option<i64> {
        Some(i64::MAX)
    }

    /// What is overdue is never fired by time alone.
    fn fire(&mut self, _: i64) -> Vec<Entry<Self::Content>> {
        Vec::new()
    }

    fn collecting(&self) -> usize {
        self.tracked.len()
    }

    fn fires(&self, _: i64) -> bool {
        false
    }

    /// A key lives up to and with its deadline; what is overdue is worth a look at once.
    fn next_end(&self, now: i64) -> Option<i64> {
        self.tracked.iter().map(|key| key.deadline.max(now) + 1).min()
    }

    fn by_time(&self) -> bool {
        true
    }
}

impl Ttl {
    pub fn find(&self, name: &[u8]) -> Option<&Tracked> {
        self.tracked.iter().find(|key| key.name == name)
    }

    fn find_mut(&mut self, name: &[u8]) -> Option<&mut Tracked> {
        self.tracked.iter_mut().find(|key| key.name == name)
    }

    pub fn track(&mut self, name: &[u8], deadline: i64) {
        match self.find_mut(name) {
            Some(key) => (key.deadline, key.evicted) = (deadline, false),
            None => self.tracked.push(Tracked { name: name.to_vec(), deadline, kept: None, evicted: false }),
        }
    }

    pub fn untrack(&mut self, name: &[u8]) -> bool {
        let before = self.tracked.len();
        self.tracked.retain(|key| key.name != name);
        self.tracked.len() < before
    }

    /// Keeps a value, if that may be, beside so many bytes in entries; `None`: beside as many as there are.
    pub fn keep(&mut self, name: &[u8], value: Copied, in_entries: Option<usize>) {
        let others = self.tracked.iter().filter(|key| key.name != name).map(Tracked::size).sum::<usize>();
        let TtlRules { max_value, keep_evicted, max_held, .. } = self.rules;
        if let Some(key) = self.find_mut(name) {
            let may_be_kept = |bytes: &[u8]| {
                let fits = |in_entries| bytes.is_empty() || (others + in_entries + bytes.len()) as u64 <= max_held;
                let has_room = max_held == 0 || in_entries.is_none_or(fits);
                bytes.len() as u64 <= max_value && has_room && (keep_evicted || !key.evicted)
            };
            key.kept = Some(Copied { bytes: value.bytes.filter(|bytes| may_be_kept(bytes)), ..value });
        }
    }

    /// Bytes of the values of tracked keys.
    pub fn held(&self) -> usize {
        self.tracked.iter().map(Tracked::size).sum()
    }

    pub fn forget_value(&mut self, name: &[u8]) {
        if let Some(key) = self.find_mut(name) {
            key.kept = None;
        }
    }

    pub fn note_evicted(&mut self, name: &[u8]) {
        let keep_evicted = self.rules.keep_evicted;
        if let Some(key) = self.find_mut(name) {
            key.evicted = true;
            if !keep_evicted {
                key.kept = key.kept.take().map(|kept| Copied { bytes: None, ..kept });
            }
        }
    }

    pub fn forget_to_come(&mut self, now: i64) {
        self.tracked.retain(|key| key.deadline < now);
    }

    pub fn forget_values(&mut self, after: i64) {
        for key in self.tracked.iter_mut().filter(|key| key.deadline > after && !key.evicted) {
            key.kept = None;
        }
    }

    /// An expiry up to this deadline was told: what this node knows of the key is over, unless it has a later one.
    pub fn ended(&mut self, name: &[u8], deadline: i64) {
        self.tracked.retain(|key| key.name != name || key.deadline > deadline);
    }

    /// What is tracked, with names in no order among keys of one deadline: that order is nowhere promised.
    pub fn listed(&self) -> Vec<(i64, Vec<u8>)> {
        let mut listed: Vec<_> = self.tracked.iter().map(|key| (key.deadline, key.name.clone())).collect();
        listed.sort_unstable();
        listed
    }
}
