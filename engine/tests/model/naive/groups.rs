//! Groups as lists that are searched: who may be handed out next, and what must hold of that whatever the turns are.

use super::{Entry, Gate, Naive, State};
use std::collections::BTreeMap;
use tsgen_engine::GroupCounts;

/// The turns of groups, and how long groups have waited for them.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    turns: BTreeMap<Vec<u8>, u64>,
    next_turn: u64,
    /// For each group that could be served all the while: how often each other was, since its own last turn.
    passed_over: BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, usize>>,
}

impl<C> Entry<C> {
    fn is_in_hand(&self) -> bool {
        matches!(self.state, State::Leased { .. } | State::Delayed { .. })
    }

    fn is_in_use(&self) -> bool {
        self.is_in_hand() || self.state == State::Queued
    }
}

impl<G: Gate> Naive<G> {
    pub fn is_in_use(&self, group: &[u8]) -> bool {
        self.entries.iter().any(|entry| entry.group == group && entry.is_in_use())
    }

    pub fn in_hand(&self, group: &[u8]) -> usize {
        self.entries.iter().filter(|entry| entry.group == group && entry.is_in_hand()).count()
    }

    fn limit(&self) -> usize {
        match self.options.group_limit {
            0 => usize::MAX,
            limit => limit as usize,
        }
    }

    /// Whether one more of this group may be in hand.
    pub fn has_room_in_hand(&self, group: &[u8]) -> bool {
        self.in_hand(group) < self.limit()
    }

    pub fn group_counts(&self) -> GroupCounts {
        if !self.options.has_groups() {
            return GroupCounts::default();
        }
        let mut groups: Vec<_> =
            self.entries.iter().filter(|entry| entry.is_in_use()).map(|entry| &entry.group).collect();
        groups.sort();
        groups.dedup();
        let full = groups.iter().filter(|group| !self.has_room_in_hand(group));
        GroupCounts { groups: groups.len(), at_limit: full.count() }
    }

    /// The group of an entry that is about to be queued comes into use, unless it is.
    pub fn take_turn_if_new(&mut self, group: &[u8], is_in_use: bool) {
        if !is_in_use {
            self.groups.passed_over.remove(group);
            self.take_turn(group);
        }
    }

    fn take_turn(&mut self, group: &[u8]) {
        self.groups.next_turn += 1;
        self.groups.turns.insert(group.to_vec(), self.groups.next_turn);
    }

    /// The ready entries, as indexes, that may be handed out: the first of each group that has room in hand.
    fn candidates(&self, now: i64) -> Vec<usize> {
        let mut ready = self.ready(now);
        if self.options.has_groups() {
            let mut seen: Vec<&[u8]> = Vec::new();
            ready.retain(|index| {
                let group = &self.entries[*index].group[..];
                let is_first = !seen.contains(&group);
                seen.push(group);
                is_first && self.has_room_in_hand(group)
            });
        }
        ready
    }

    pub fn has_candidate(&self, now: i64) -> bool {
        !self.candidates(now).is_empty()
    }

    /// The entry to be handed out next; its group has had its turn then.
    pub fn next(&mut self, now: i64) -> Option<usize> {
        let candidates = self.candidates(now);
        if !self.options.fair {
            return candidates.first().copied();
        }
        let next = candidates.iter().copied().min_by_key(|index| self.groups.turns[&self.entries[*index].group])?;
        let served = self.entries[next].group.clone();
        let waiting: Vec<_> = candidates.iter().map(|index| self.entries[*index].group.clone()).collect();
        self.groups.passed_over.retain(|group, _| waiting.contains(group) && *group != served);
        for group in waiting.into_iter().filter(|group| *group != served) {
            let times = self.groups.passed_over.entry(group).or_default().entry(served.clone()).or_default();
            *times += 1;
            assert!(*times <= 1, "a group that could be served waited while another was served twice");
        }
        self.take_turn(&served);
        Some(next)
    }

    /// What must hold of entries just handed out, however they were chosen.
    pub fn check_claimed(&self, claimed: &[usize]) {
        if !self.options.has_groups() {
            return;
        }
        for index in claimed {
            let entry = &self.entries[*index];
            assert!(self.in_hand(&entry.group) <= self.limit(), "more of a group in hand than there may be");
            let queued = self.entries.iter().filter(|other| other.group == entry.group && other.state == State::Queued);
            let is_first = queued.clone().all(|other| (entry.key, entry.seq) < (other.key, other.seq));
            assert!(is_first, "out of order within its group");
        }
    }
}
