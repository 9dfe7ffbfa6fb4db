//! The keyspace that a watcher watches, on one server, and what the server does about it: as docs/design.md says of EXPIRY,
//! and with nothing of Redis. What a sighting means is asked of the engine, as the module does.

use crate::expiry::Bookings;
use crate::node::{Role, Source};
use std::collections::BTreeMap;
use tsgen_engine::{judge_change, judge_end, Change, Copied, End, Ending, LastValue, Life, Mark, Then, UnixMs, Voice};

type Node = crate::node::Node<Bookings>;

/// So long before its deadline a value is copied.
pub const LEAD: i64 = 2;

#[derive(Clone, Debug, Hash)]
pub struct Keyspace {
    pub keys: BTreeMap<u8, Key>,
    /// What is told of a deletion goes out with it, in one piece, and it shows the last value: newer servers. Others announce it.
    pub has_units: bool,
    /// The next deletion of this key was announced.
    announced: Option<u8>,
    /// Up to where values have been copied.
    copied: Mark,
}

#[derive(Clone, Copy, Debug, PartialEq, Hash)]
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    /// The DEL of a key that was found to be over.
    Over(u8),
    /// The DEL of a key that was thrown out.
    ThrownOut(u8),
    /// Either is going to come; or nothing of the kind has come.
    Ends {
        key: u8,
        how: Option<Ending>,
    },
    Evict {
        key: u8,
        deadline: i64,
        value: Option<u32>,
    },
    Fire(Fire),
    /// Nobody gets a part of it.
    Unit(Vec<Write>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fire {
    pub key: u8,
    pub deadline: i64,
    pub ending: Ending,
    pub value: Option<u32>,
}

impl Keyspace {
    pub fn new(has_units: bool) -> Self {
        Keyspace { keys: BTreeMap::new(), has_units, announced: None, copied: Mark::at(UnixMs(0)) }
    }
}

/// What a write does on any server. The master's own judgement is in what it writes; so all see it as a replica does.
pub fn apply(node: &mut Node, write: &Write) {
    let keys = &mut node.around.keys;
    match *write {
        Write::Set { key, value, deadline } => {
            keys.insert(key, Key { value, deadline });
            // Without a deadline there is no event, and it is found out later.
            if let Some(deadline) = deadline {
                changed(node, key, Change::Set { after: None, until: None }, Life::Until(UnixMs(deadline)));
            }
        }
        Write::Change { key, value } => keys.get_mut(&key).expect("it lives").value = value,
        Write::Expire { key, deadline } => {
            keys.get_mut(&key).expect("it lives").deadline = Some(deadline);
            changed(node, key, Change::Set { after: None, until: None }, Life::Until(UnixMs(deadline)));
        }
        Write::Persist(key) => {
            keys.get_mut(&key).expect("it lives").deadline = None;
            changed(node, key, Change::Unset, Life::Endless);
        }
        Write::Del(key) | Write::Over(key) | Write::ThrownOut(key) => {
            keys.remove(&key);
            if node.around.announced.take() != Some(key) {
                changed(node, key, Change::Unset, Life::Absent);
            }
        }
        Write::Ends { key, how: None } => {
            if node.key.known(&[key]).is_some_and(|known| known.ended.is_some()) {
                node.key.untrack(&[key]);
            }
        }
        Write::Ends { key, how: Some(how) } => {
            match how {
                Ending::Expired => node.key.note_gone(&[key]),
                Ending::Evicted => node.key.note_evicted(&[key]),
            }
            if node.around.keys.contains_key(&key) {
                node.around.announced = Some(key);
                keep(node, key);
            }
        }
        Write::Evict { key, deadline, value } => {
            node.key.track(&[key], UnixMs(deadline));
            node.key.note_evicted(&[key]);
            if let Some(value) = value {
                node.key.keep(&[key], Copied { kind: 0, bytes: Some(value.to_be_bytes().into()) });
            }
        }
        Write::Fire(Fire { key, deadline, ending, value }) => {
            let bytes = value.map(u32::to_be_bytes);
            let value = bytes.as_ref().map(|bytes| LastValue { kind: 0, bytes: Some(&bytes[..]) });
            node.key.expire(&[key], UnixMs(deadline), ending, value).expect("there are places");
        }
        Write::Unit(ref writes) => writes.iter().for_each(|write| apply(node, write)),
    }
}

fn changed(node: &mut Node, key: u8, change: Change, life: Life) {
    let known = node.key.known(&[key]);
    let verdict = judge_change(change, life, known, Voice::Follows, node.clock);
    assert_eq!(verdict.first, None, "who is told by others tells nothing");
    match verdict.then {
        Then::Track(deadline) => track(node, key, deadline.0),
        Then::Untrack => drop(node.key.untrack(&[key])),
        Then::Nothing => {}
        other => panic!("{other:?} of a change"),
    }
}

fn track(node: &mut Node, key: u8, deadline: i64) {
    node.key.track_anew(&[key], UnixMs(deadline));
    if deadline <= node.clock.0 + LEAD {
        keep(node, key);
    }
}

fn keep(node: &mut Node, key: u8) {
    if let Some(copied) = copy(node, key) {
        node.key.keep(&[key], copied);
    }
}

fn copy(node: &Node, key: u8) -> Option<Copied> {
    let lives = node.around.keys.get(&key)?;
    Some(Copied { kind: 0, bytes: Some(lives.value.to_be_bytes().into()) })
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

/// The end of a tracked key that is there, as this server would tell it.
fn expiring(node: &Node, key: u8) -> Option<Write> {
    let deadline = node.key.known(&[key])?.deadline.0;
    let last = node.around.has_units.then_some(node.around.keys[&key].value);
    let value = last.or_else(|| kept(node, key));
    Some(Write::Fire(Fire { key, deadline, ending: Ending::Expired, value }))
}

/// The end of a tracked key that is not there any more.
fn firing(node: &Node, key: u8) -> Option<Write> {
    let known = node.key.known(&[key])?;
    let ending = known.ended.unwrap_or(Ending::Expired);
    Some(Write::Fire(Fire { key, deadline: known.deadline.0, ending, value: kept(node, key) }))
}

fn kept(node: &Node, key: u8) -> Option<u32> {
    let bytes = node.key.kept(&[key]).and_then(|copied| copied.bytes.as_deref());
    bytes.map(|bytes| u32::from_be_bytes(bytes.try_into().expect("four bytes")))
}

/// What is told of the deletion of a key that is there: in front of it, and behind it.
pub struct Told {
    pub before: Vec<Write>,
    pub after: Option<Write>,
}

/// The master finds a key over, or throws it out.
pub fn ends(node: &Node, key: u8, how: Ending, now: UnixMs) -> Told {
    let lives = node.around.keys[&key];
    let last = node.around.has_units.then_some(lives.value);
    let end = End { how, deadline: lives.deadline.map(UnixMs), set: None };
    let verdict = judge_end(&end, node.key.known(&[key]), Voice::Tells, now);
    assert_eq!(verdict.first, None, "nothing was set since anybody looked");
    let after = match verdict.then {
        Then::Fire { .. } => expiring(node, key),
        Then::Evict { deadline, .. } => {
            Some(Write::Evict { key, deadline: deadline.0, value: last.or_else(|| kept(node, key)) })
        }
        _ => None,
    };
    let deletion = if how == Ending::Expired { Write::Over(key) } else { Write::ThrownOut(key) };
    if node.around.has_units {
        let unit = [Some(deletion), after].into_iter().flatten().collect();
        return Told { before: vec![Write::Unit(unit)], after: None };
    }
    let after = after.unwrap_or(Write::Ends { key, how: None });
    Told { before: vec![Write::Ends { key, how: Some(how) }, deletion], after: Some(after) }
}

/// The tick of the timer. Where it is late with what is over, somebody else may find that first.
pub fn tick(node: &mut Node, role: Role, is_late: bool) -> Vec<Write> {
    copy_values(node);
    let mut fired = Vec::new();
    for (key, deadline) in overdue(node) {
        match node.around.keys.get(&key).copied() {
            _ if node.key.ended(&[key]) == Some(Ending::Expired) => {
                fired.extend(firing(node, key).filter(|_| role == Role::Master));
            }
            Some(Key { deadline: None, .. }) => drop(node.key.untrack(&[key])),
            Some(Key { deadline: Some(other), .. }) if other != deadline => track(node, key, other),
            _ if role == Role::Replica => {}
            Some(_) if is_late => {
                let told = ends(node, key, Ending::Expired, node.clock);
                fired.extend(told.before.into_iter().chain(told.after));
            }
            Some(_) => {
                let unit = [Some(Write::Over(key)), expiring(node, key)];
                fired.push(Write::Unit(unit.into_iter().flatten().collect()));
            }
            None => fired.extend(firing(node, key)),
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
    for key in tracked {
        if let Some(copied) = copy(node, key) {
            node.key.keep_for_file(&[key], copied);
        }
    }
}

pub fn loaded(node: &mut Node, source: Source) {
    let now = node.clock;
    no_deletion_comes(node);
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

pub fn promoted(node: &mut Node) {
    no_deletion_comes(node);
    // Copies may be of before what has come since.
    node.around.copied = node.around.copied.min(Mark::at(node.clock));
    keep_overdue(node);
}

/// What was announced and has not come will not come. A key that was to be thrown out lives on.
fn no_deletion_comes(node: &mut Node) {
    let Some(key) = node.around.announced.take() else { return };
    let is_evicted = node.key.ended(&[key]) == Some(Ending::Evicted);
    if let Some(deadline) = node.around.keys.get(&key).and_then(|lives| lives.deadline).filter(|_| is_evicted) {
        node.key.track(&[key], UnixMs(deadline));
    }
}

/// What is over can still be read, until somebody touches it; or is gone, and nothing else will tell of that.
fn keep_overdue(node: &mut Node) {
    node.key.forget_values(UnixMs(node.clock.0 + LEAD));
    for (key, _) in overdue(node) {
        match node.around.keys.get(&key).copied() {
            // What was announced is told, whatever stands there now.
            _ if node.key.ended(&[key]) == Some(Ending::Expired) => {}
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
    node.key.known(&[key])?.owed(now)?;
    firing(node, key)
}
