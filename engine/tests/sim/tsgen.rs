//! TSGEN under simulation: adders, and sources that advance, some of which fall silent for a while.
//!
//! Producers send again what they have sent before: what is done is done once.
//!
//! Judged besides: nobody is left out who could not be heard for so long, or who was heard.

use crate::family::{self, options, Delivery};
use crate::node::{Node, Role};
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use tsgen_engine::{
    Added, Addition, DeliveryOptions, Guard, Kind, Millis, Source, SourceChange, Tsgen, UnixMs, Watermark,
    WatermarkRules,
};
use tsgen_history::{Act, Unit};

const SOURCES: [&[u8]; 3] = [b"east", b"west", b"north"];
/// After so many milliseconds without a report a source is left out.
const IDLE: Millis = Millis(150);

#[derive(Default)]
pub struct Writers {
    next_id: u32,
    clock_of_events: i64,
    /// This one says nothing.
    silent: usize,
}

#[derive(Clone)]
pub enum Write {
    Add {
        id: u32,
        timestamp: i64,
    },
    Advance {
        to: i64,
        source: usize,
    },
    /// An operator finds that a source has reported too much.
    SetBack {
        to: i64,
        source: usize,
    },
    /// The server leaves sources out.
    LeaveOut(Vec<usize>),
    /// A source goes and comes again.
    Renew(usize),
}

impl family::Family for Writers {
    type Gate = Watermark;
    type Write = Write;
    type Truth = Truth;
    /// Since when this server has heard its clients.
    type Around = UnixMs;

    fn start(rng: &mut Rng) -> (Self, Tsgen, UnixMs, Truth) {
        let source =
            |name: &&[u8]| Source { name: (*name).into(), timestamp: None, reported_at: UnixMs(0), idle: false };
        let kind = Kind::Sources(SOURCES.iter().map(source).collect());
        // Half of the keys have groups.
        let group_limit = if rng.bool() { rng.u32(0..3) } else { 0 };
        let options = DeliveryOptions { group_limit, fair: group_limit != 0 && rng.bool(), ..options() };
        let mut key = Tsgen::create(WatermarkRules { kind, ..Default::default() }, options, [1, 2]).expect("valid");
        assert!(key.alter_source_idle(IDLE, UnixMs(1_000)));
        // Longer than any history.
        assert_eq!(key.alter_remember(Millis::MAX_DURATION, 1_000_000), Ok(true));
        (Writers::default(), key, UnixMs(1_000), Truth::default())
    }

    fn write(&mut self, rng: &mut Rng, _: &Node<Self>, _: UnixMs) -> Vec<Write> {
        if rng.u32(0..40) == 0 {
            self.silent = rng.usize(0..SOURCES.len() + 1);
        }
        if rng.u32(0..200) == 0 {
            return vec![Write::Renew(rng.usize(0..SOURCES.len()))];
        }
        if rng.u32(0..4) == 0 {
            self.clock_of_events += rng.i64(0..30);
            let to = self.clock_of_events - rng.i64(0..60);
            let source = rng.usize(0..SOURCES.len());
            if source == self.silent {
                return Vec::new();
            }
            return vec![if rng.u32(0..20) == 0 {
                Write::SetBack { to, source }
            } else {
                Write::Advance { to, source }
            }];
        }
        // A producer whose connection broke sends again what it has sent some time ago, whatever has become of it.
        let again = rng.u32(0..5) == 0 && self.next_id > 0;
        self.next_id += u32::from(!again);
        let id = if again { rng.u32(1..=self.next_id) } else { self.next_id };
        vec![Write::Add { id, timestamp: self.clock_of_events + rng.i64(-80..80) }]
    }

    fn apply(node: &mut Node<Self>, write: &Write, now: UnixMs) -> bool {
        let key = &mut node.key;
        match write {
            Write::Add { id, timestamp } => {
                let group = key.options().has_groups().then(|| group(*id));
                let id = id.to_be_bytes();
                let once = Addition::once(Guard::Always, *timestamp, &id, b"payload");
                let added = key.add(&Addition { group: group.as_ref().map(|group| &group[..]), ..once }, now);
                added.expect("unbounded") != Added::Refused
            }
            Write::Advance { to, source } => key.advance(*to, Some(SOURCES[*source]), now).expect("a source").changed,
            Write::SetBack { to, source } => key.alter_source(SOURCES[*source], *to),
            Write::LeaveOut(sources) => {
                let names: Vec<&[u8]> = sources.iter().map(|source| SOURCES[*source]).collect();
                key.leave_out(&names, now).changed
            }
            Write::Renew(source) => {
                let name = SOURCES[*source];
                let changes = [SourceChange::Remove(name.into()), SourceChange::Add(name.into())];
                key.change_sources(&changes, now).expect("it is there")
            }
        }
    }

    fn wakes_at(node: &Node<Self>, now: UnixMs) -> Option<UnixMs> {
        node.key.next_silence(node.around).filter(|at| *at > now)
    }

    fn tick(_: &mut Rng, node: &mut Node<Self>, role: Role) -> Vec<Write> {
        let silent = node.key.silent(node.around, node.clock);
        let place = |name: &[u8]| SOURCES.iter().position(|source| *source == name).expect("one of ours");
        let silent: Vec<usize> = silent.into_iter().map(place).collect();
        if role == Role::Master && !silent.is_empty() {
            vec![Write::LeaveOut(silent)]
        } else {
            Vec::new()
        }
    }

    fn loaded(node: &mut Node<Self>, _: crate::node::Source) {
        node.around = node.clock;
    }

    fn promoted(node: &mut Node<Self>) {
        node.around = node.clock;
    }

    /// No group has more in hand than it may.
    fn check(key: &Tsgen, now: UnixMs) {
        let limit = key.options().group_limit as usize;
        if limit == 0 {
            return;
        }
        let (leased, delayed) = (key.pending(None, None, usize::MAX, now), key.delayed(usize::MAX, now));
        let names = leased.iter().map(|lease| lease.name).chain(delayed.iter().map(|delayed| delayed.name));
        let mut in_hand: BTreeMap<[u8; 1], usize> = BTreeMap::new();
        for name in names {
            let times = in_hand.entry(group(u32::from_be_bytes(name.try_into().expect("four bytes")))).or_default();
            *times += 1;
            assert!(*times <= limit, "more of a group in hand than there may be");
        }
    }

    fn terms(key: &Tsgen) -> Option<tsgen_history::Terms> {
        Some(tsgen_history::Terms {
            one_at_a_time: key.options().group_limit == 1,
            remember_ms: Millis::MAX_DURATION.0 as i64,
            ..tsgen_history::Terms::under(tsgen_history::Gate::Watermark)
        })
    }

    fn noted(write: &Write, _: &Truth, _: UnixMs) -> Vec<Act> {
        match write {
            Write::Add { id, timestamp } => vec![Act::Write(vec![Unit { name: id.to_string(), due: *timestamp }])],
            Write::Advance { to, .. } => vec![Act::Advance(*to)],
            Write::SetBack { .. } | Write::LeaveOut(_) | Write::Renew(_) => Vec::new(),
        }
    }

    fn handed(delivery: &Delivery) -> tsgen_history::Delivery {
        let id = Truth::id(delivery);
        let group = Some(String::from_utf8_lossy(&group(id)).into_owned());
        tsgen_history::Delivery { group, ..crate::notes::one(delivery, id) }
    }

    fn last_writes() -> Vec<Write> {
        (0..SOURCES.len()).map(|source| Write::Advance { to: i64::MAX, source }).collect()
    }
}

/// A few large groups.
fn group(id: u32) -> [u8; 1] {
    [b'a' + (id % 7) as u8]
}

#[derive(Clone, Default)]
pub struct Truth {
    added: BTreeSet<u32>,
    acked: BTreeSet<u32>,
    given_up: BTreeSet<u32>,
    sources: [Known; SOURCES.len()],
    watermark: Option<i64>,
    heard_since: i64,
}

#[derive(Clone, Copy, Default)]
struct Known {
    timestamp: Option<i64>,
    heard_at: i64,
    left_out: bool,
}

impl Truth {
    fn id(delivery: &Delivery) -> u32 {
        u32::from_be_bytes(delivery.name[..].try_into().expect("four bytes"))
    }

    /// The watermark is at least the lowest report of those that count, if each of them has reported.
    fn rise(&mut self) {
        let counting = self.sources.iter().filter(|source| !source.left_out).map(|source| source.timestamp);
        self.watermark = self.watermark.max(counting.min().flatten());
    }
}

impl family::Truth<Write> for Truth {
    fn written(&mut self, write: &Write, now: UnixMs) {
        match write {
            Write::Add { id, .. } => {
                self.added.insert(*id);
                // What was given up is not done: its id may be added again.
                if self.given_up.remove(id) {
                    self.acked.remove(id);
                }
            }
            Write::Advance { to, source } => {
                let known = &mut self.sources[*source];
                *known = Known { timestamp: known.timestamp.max(Some(*to)), heard_at: now.0, left_out: false };
                self.rise();
            }
            Write::SetBack { to, source } => self.sources[*source].timestamp = Some(*to),
            Write::LeaveOut(sources) => {
                for source in sources {
                    let known = &mut self.sources[*source];
                    let silent_since = known.heard_at.max(self.heard_since);
                    assert!(
                        silent_since + IDLE.0 as i64 <= now.0,
                        "left out at {}, silent since {silent_since}",
                        now.0
                    );
                    known.left_out = true;
                }
                self.rise();
            }
            Write::Renew(source) => {
                self.sources[*source] = Known { timestamp: None, heard_at: now.0, left_out: false };
                self.rise();
            }
        }
    }

    fn went_on_with(&mut self, _: crate::node::Source, now: UnixMs) {
        self.heard_since = now.0;
    }

    fn delivered(&mut self, delivery: &Delivery, _: UnixMs) {
        let id = Self::id(delivery);
        assert!(Some(delivery.key) <= self.watermark, "{id} was handed out early");
        assert!(!self.acked.contains(&id), "{id} came back after it was acknowledged");
        assert!(self.added.contains(&id), "{id} was never added");
    }

    fn acked(&mut self, delivery: &Delivery) {
        assert!(self.acked.insert(Self::id(delivery)), "acknowledged twice");
    }

    fn given_up(&mut self, delivery: &Delivery) {
        self.acked(delivery);
        self.given_up.insert(Self::id(delivery));
    }

    fn identity(delivery: &Delivery) -> u64 {
        Self::id(delivery).into()
    }

    fn judge(&self) {
        let lost: Vec<_> = self.added.difference(&self.acked).collect();
        assert!(lost.is_empty(), "accepted and never acknowledged: {lost:?}");
        assert!(!self.acked.is_empty());
    }
}
