//! The keyspace that a watcher watches, on one server, and what the server does about it: as docs/design.md says of EXPIRY,
//! and with nothing of Redis.

use crate::expiry::Bookings;
use crate::node::Source;
use std::collections::BTreeMap;
use tsgen_engine::{Copied, Ending, Mark, UnixMs};

type Node = crate::node::Node<Bookings>;

/// So long before its deadline a value is copied.
pub const LEAD: i64 = 2;

#[derive(Clone)]
pub struct Keyspace {
    pub keys: BTreeMap<u8, Key>,
    /// Up to where values have been copied.
    copied: Mark,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    pub value: u32,
    pub deadline: Option<i64>,
}

impl Key {
    pub fn is_over(&self, now: UnixMs) -> bool {
        self.deadline.is_some_and(|deadline| deadline < now.0)
    }
}

/// What replicas and the log are told.
#[derive(Clone, Debug)]
pub enum Write {
    Set {
        key: u8,
        value: u32,
        deadline: Option<i64>,
    },
    /// An APPEND, say: no event of those we listen to.
    Change {
        key: u8,
        value: u32,
    },
    Expire {
        key: u8,
        deadline: i64,
    },
    Persist(u8),
    Del(u8),
    /// The DEL of a key that a client found to be over.
    Over(u8),
    /// The DEL of a key that was thrown out.
    ThrownOut(u8),
    Evict {
        key: u8,
        deadline: i64,
    },
    Fire(Fire),
}

#[derive(Clone, Debug)]
pub struct Fire {
    pub key: u8,
    pub deadline: i64,
    pub ending: Ending,
    pub value: Option<u32>,
    /// The DEL goes with it in one transaction.
    with_del: bool,
}

impl Keyspace {
    pub fn new() -> Self {
        Keyspace { keys: BTreeMap::new(), copied: Mark::at(UnixMs(0)) }
    }
}

pub fn apply(node: &mut Node, write: &Write) {
    let keys = &mut node.around.keys;
    match *write {
        Write::Set { key, value, deadline } => {
            keys.insert(key, Key { value, deadline });
            // Without a deadline there is no event, and it is found out later.
            if let Some(deadline) = deadline {
                track(node, key, deadline);
            }
        }
        Write::Change { key, value } => keys.get_mut(&key).expect("it lives").value = value,
        Write::Expire { key, deadline } => {
            keys.get_mut(&key).expect("it lives").deadline = Some(deadline);
            track(node, key, deadline);
        }
        Write::Persist(key) => {
            keys.get_mut(&key).expect("it lives").deadline = None;
            node.key.untrack(&[key]);
        }
        Write::Del(key) | Write::Over(key) | Write::ThrownOut(key) => {
            keys.remove(&key);
            node.key.untrack(&[key]);
        }
        Write::Evict { key, deadline } => {
            node.key.track(&[key], UnixMs(deadline));
            node.key.note_evicted(&[key]);
        }
        Write::Fire(Fire { key, deadline, ending, value, with_del }) => {
            if with_del {
                keys.remove(&key);
            }
            let bytes = value.map(u32::to_be_bytes);
            let value = bytes.as_ref().map(|bytes| (0, Some(&bytes[..])));
            node.key.expire(&[key], UnixMs(deadline), ending, value).expect("there are places");
        }
    }
}

fn track(node: &mut Node, key: u8, deadline: i64) {
    node.key.track(&[key], UnixMs(deadline));
    node.key.forget_value(&[key]);
    if deadline <= node.clock.0 + LEAD {
        keep(node, key);
    }
}

fn keep(node: &mut Node, key: u8) {
    if let Some(lives) = node.around.keys.get(&key) {
        node.key.keep(&[key], Copied { kind: 0, bytes: Some(lives.value.to_be_bytes().into()) });
    }
}

/// Copies the values of keys that end soon.
fn copy_values(node: &mut Node) {
    let horizon = node.clock.0 + LEAD;
    let mut mark = node.around.copied.min(Mark::at(UnixMs(horizon + 1)));
    loop {
        let page = node.key.ending_behind(mark, UnixMs(horizon), 2);
        let Some((_, next)) = page.last() else { break };
        mark = *next;
        let soon: Vec<u8> = page.iter().map(|(tracked, _)| tracked.name[0]).collect();
        soon.into_iter().for_each(|key| keep(node, key));
    }
    node.around.copied = mark;
}

/// Keys that are tracked under deadlines that are over.
fn overdue(node: &Node) -> Vec<(u8, i64)> {
    let overdue = node.key.ending_between(UnixMs(i64::MIN), UnixMs(node.clock.0 - 1), usize::MAX);
    overdue.iter().map(|tracked| (tracked.name[0], tracked.deadline.0)).collect()
}

/// The expiry of a key as this server would tell it.
pub fn firing(node: &Node, key: u8, with_del: bool) -> Option<Write> {
    let (deadline, evicted) = node.key.tracked_until(&[key])?;
    let ending = if evicted { Ending::Evicted } else { Ending::Expired };
    let bytes = node.key.kept(&[key]).and_then(|copied| copied.bytes.as_deref());
    let value = bytes.map(|bytes| u32::from_be_bytes(bytes.try_into().expect("four bytes")));
    Some(Write::Fire(Fire { key, deadline: deadline.0, ending, value, with_del }))
}

/// The tick of the timer. Where it is late with what is over, somebody else may find that first.
pub fn tick(node: &mut Node, is_master: bool, is_late: bool) -> Vec<Write> {
    copy_values(node);
    let mut fired = Vec::new();
    for (key, deadline) in overdue(node) {
        match node.around.keys.get(&key).copied() {
            _ if is_master && node.key.ended(&[key]) == Some(Ending::Expired) => fired.extend(firing(node, key, false)),
            Some(Key { deadline: None, .. }) => drop(node.key.untrack(&[key])),
            Some(Key { deadline: Some(other), .. }) if other != deadline => track(node, key, other),
            lives if is_master && !is_late => fired.extend(firing(node, key, lives.is_some())),
            _ => {}
        }
    }
    fired
}

pub fn wakes_at(node: &Node, now: UnixMs) -> Option<UnixMs> {
    let first_after = |at: i64| Some(node.key.ending_between(UnixMs(at), UnixMs::NEVER, 1).first()?.deadline.0);
    let (over, copied) = (first_after(now.0 - 1).map(|at| at + 1), first_after(now.0 + LEAD).map(|at| at - LEAD));
    over.into_iter().chain(copied).min().map(UnixMs)
}

/// What a file is to hold: the values of all that is tracked.
pub fn saving(node: &mut Node) {
    let tracked: Vec<u8> = node.key.tracked(None, usize::MAX).iter().map(|tracked| tracked.name[0]).collect();
    tracked.into_iter().for_each(|key| keep(node, key));
}

pub fn loaded(node: &mut Node, source: Source) {
    let now = node.clock;
    if source == Source::Snapshot {
        // Redis drops what is over, and tells nobody.
        node.around.keys.retain(|_, key| !key.is_over(now));
    }
    keep_overdue(node);
    for (key, lives) in node.around.keys.clone() {
        if let Some(deadline) = lives.deadline.filter(|deadline| *deadline >= now.0) {
            node.key.track(&[key], UnixMs(deadline));
        }
    }
    node.around.copied = Mark::at(now);
}

/// What is over can still be read, until somebody touches it; or is gone, and nothing else will tell of that.
pub fn keep_overdue(node: &mut Node) {
    node.key.forget_values(UnixMs(node.clock.0 + LEAD));
    for (key, _) in overdue(node) {
        match node.around.keys.get(&key).copied() {
            None => node.key.note_gone(&[key]),
            Some(Key { deadline: None, .. }) => drop(node.key.untrack(&[key])),
            Some(Key { deadline: Some(deadline), .. }) => {
                node.key.track(&[key], UnixMs(deadline));
                keep(node, key);
            }
        }
    }
}

/// The end of a key of which no event will tell, told because something new takes its name.
pub fn owed(node: &Node, key: u8, now: UnixMs) -> Option<Write> {
    node.key.ended(&[key])?;
    let (deadline, _) = node.key.tracked_until(&[key])?;
    (deadline.0 < now.0).then(|| firing(node, key, false))?
}
