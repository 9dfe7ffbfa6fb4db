//! TSGEN: an adder that repeats its ADD and puts elements off, and a writer, sources or a clock.

use crate::family::{self, Before, Family};
use crate::history::{Broken, Delivery};
use crate::node::{Node, Role, Source};
use crate::op::Op;
use crate::planted::Plant;
use crate::sources::{Sources, IDLE_MS};
use crate::turns::Turns;
use std::collections::{BTreeMap, BTreeSet};
use tsgen_engine::{
    Added, Addition, DeliveryOptions, Guard, Kind, Millis, SourceChange, Tsgen, UnixMs, Watermark, WatermarkRules,
};

#[derive(Clone)]
pub struct Elements {
    pub kind: Kind,
    /// With GROUPLIMIT 1 all elements are in one group; with another, or FAIR, those with even ids and those with odd ones.
    pub options: DeliveryOptions,
    /// What may be added, again and again: ids and timestamps.
    pub elements: &'static [(u8, i64)],
    /// How far may be advanced.
    pub advances: &'static [i64],
    /// Groups must take turns.
    pub are_turns: bool,
    /// For so many milliseconds an id that was acknowledged is remembered.
    pub remember: u64,
}

/// Two, named 1 and 2.
pub fn sources() -> Kind {
    let source =
        |name: u8| tsgen_engine::Source { name: [name].into(), timestamp: None, reported_at: UnixMs(10), idle: false };
    Kind::Sources((1..=2).map(source).collect())
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Write {
    Add(u8, i64),
    Remove(u8),
    Advance(i64),
    /// An operator sets the watermark back.
    Lower(i64),
    Report {
        source: u8,
        to: i64,
    },
    /// An operator finds that a source has reported too much.
    SetBack {
        source: u8,
        to: i64,
    },
    /// A source goes and comes again.
    Renew(u8),
    /// The server leaves sources out.
    LeaveOut(Vec<u8>),
    /// An operator takes back that an id is done.
    Forget(u8),
    /// The timer.
    ForgetOver,
}

fn group(options: &DeliveryOptions, id: u8) -> Option<u8> {
    options.has_groups().then_some(if options.group_limit == 1 { 0 } else { id % 2 })
}

impl Elements {
    fn has_sources(&self) -> bool {
        matches!(self.kind, Kind::Sources(_))
    }

    fn source_commands(&self, key: &Tsgen) -> Vec<Write> {
        let mut commands = Vec::new();
        for source in key.sources() {
            let name = source.name[0];
            commands.extend(self.advances.iter().map(|to| Write::Report { source: name, to: *to }));
            let lowest = self.advances.first().filter(|to| source.timestamp > Some(**to));
            commands.extend(lowest.map(|to| Write::SetBack { source: name, to: *to }));
        }
        // They are alike, so one of them is enough.
        commands.push(Write::Renew(2));
        commands
    }
}

impl Family for Elements {
    type Gate = Watermark;
    type Write = Write;
    /// Since when this server has heard its clients, where that matters.
    type Around = UnixMs;
    type Truth = Truth;

    fn apply(node: &mut Node<Self>, write: &Write, now: UnixMs) -> bool {
        let key = &mut node.key;
        match write {
            Write::Add(id, timestamp) => {
                let group = group(key.options(), *id).map(|group| [group]);
                let once = Addition::once(Guard::Always, *timestamp, std::slice::from_ref(id), b"");
                let added = key.add(&Addition { group: group.as_ref().map(|group| &group[..]), ..once }, now);
                added.expect("unbounded") != Added::Refused
            }
            Write::Remove(id) => key.rem(&[*id]),
            Write::Advance(to) => key.advance(*to, None, now).expect("one writer").changed,
            Write::Lower(to) => key.alter_watermark(*to, now).unwrap_or(false),
            Write::Report { source, to } => key.advance(*to, Some(&[*source]), now).expect("a source").changed,
            Write::SetBack { source, to } => key.alter_source(&[*source], *to),
            Write::Renew(source) => {
                let name = [*source];
                let changes = [SourceChange::Remove(name.into()), SourceChange::Add(name.into())];
                key.change_sources(&changes, now).expect("it is there")
            }
            Write::LeaveOut(sources) => {
                let names: Vec<&[u8]> = sources.iter().map(std::slice::from_ref).collect();
                key.leave_out(&names, now).changed
            }
            Write::Forget(id) => key.forget(&[*id]),
            Write::ForgetOver => key.forget_stride(now),
        }
    }

    fn start(&self, now: UnixMs) -> Node<Self> {
        let rules = WatermarkRules { kind: self.kind.clone(), ..Default::default() };
        let mut key = Tsgen::create(rules, self.options.clone(), [1, 2]).expect("valid");
        if self.has_sources() {
            key.alter_source_idle(Millis(IDLE_MS), now);
        }
        key.alter_remember(Millis(self.remember), 10).expect("valid");
        Node { key, around: if self.has_sources() { now } else { UnixMs(0) }, clock: now }
    }

    fn truth(&self, now: UnixMs) -> Truth {
        let names = match &self.kind {
            Kind::Sources(sources) => sources.iter().map(|source| source.name[0]).collect(),
            _ => Vec::new(),
        };
        Truth {
            is_clock: self.kind == Kind::Clock,
            limit: self.options.group_limit,
            turns: self.are_turns.then(Turns::default),
            remember: self.remember as i64,
            watermark: None,
            sources: self.has_sources().then(|| Sources::new(names.into_iter(), now.0)),
            owed: BTreeMap::new(),
            done: BTreeMap::new(),
        }
    }

    fn commands(&self, node: &Node<Self>, _: u8, now: UnixMs) -> Vec<Vec<Write>> {
        let adds = self.elements.iter().map(|(id, timestamp)| Write::Add(*id, *timestamp));
        let ids = || self.elements.iter().map(|(id, _)| *id);
        let removals = ids().filter(|id| node.key.get(&[*id], now).is_some()).take(1).map(Write::Remove);
        let mut commands: Vec<Write> = adds.chain(removals).collect();
        if self.has_sources() {
            commands.extend(self.source_commands(&node.key));
        } else {
            commands.extend(self.advances.iter().map(|to| Write::Advance(*to)));
            commands.extend(self.advances.first().map(|to| Write::Lower(*to)));
        }
        if self.remember > 0 {
            commands.extend(ids().map(Write::Forget).chain([Write::ForgetOver]));
        }
        commands.into_iter().map(|write| vec![write]).collect()
    }

    fn last_writes(&self, node: &Node<Self>) -> Vec<Write> {
        let to = i64::MAX;
        match &self.kind {
            Kind::Clock => Vec::new(),
            Kind::External => vec![Write::Advance(to)],
            Kind::Sources(_) => {
                node.key.sources().iter().map(|source| Write::Report { source: source.name[0], to }).collect()
            }
        }
    }

    fn ticks(&self) -> bool {
        self.has_sources()
    }

    fn wakes_at(node: &Node<Self>, now: UnixMs) -> Option<UnixMs> {
        node.key.next_silence(node.around).filter(|at| *at > now)
    }

    fn tick(node: &mut Node<Self>, role: Role) -> Vec<Write> {
        let silent = node.key.silent(node.around, node.clock).concat();
        if role == Role::Master && !silent.is_empty() {
            vec![Write::LeaveOut(silent)]
        } else {
            Vec::new()
        }
    }

    fn loaded(node: &mut Node<Self>, _: Source) {
        Self::promoted(node);
    }

    fn promoted(node: &mut Node<Self>) {
        if !node.key.sources().is_empty() {
            node.around = node.clock;
        }
    }

    fn planted(plant: Plant, node: &mut Node<Self>, op: &Op<Write>, now: UnixMs) {
        if let (Plant::CountsTheFirst, Op::Write(Write::Report { to, .. })) = (plant, op) {
            for source in node.key.sources().to_vec() {
                node.key.advance(*to, Some(&source.name), now).expect("a source");
            }
        }
    }
}

/// What was added and not settled or removed.
#[derive(Clone, Debug, PartialEq, Hash)]
struct Owed {
    timestamp: i64,
    /// Somebody has had it.
    is_handed: bool,
}

#[derive(Clone, Debug, Hash)]
pub struct Truth {
    is_clock: bool,
    limit: u32,
    turns: Option<Turns>,
    remember: i64,
    watermark: Option<i64>,
    sources: Option<Sources>,
    owed: BTreeMap<u8, Owed>,
    /// When ids were acknowledged, on a key that remembers.
    done: BTreeMap<u8, i64>,
}

impl Truth {
    fn reached(&self, now: UnixMs) -> Option<i64> {
        if self.is_clock {
            Some(now.0)
        } else {
            self.watermark
        }
    }

    fn fresh(&self, now: UnixMs) -> impl Iterator<Item = u8> + '_ {
        let reached = self.reached(now);
        let is_fresh = move |owed: &Owed| !owed.is_handed && Some(owed.timestamp) <= reached;
        self.owed.iter().filter(move |(_, owed)| is_fresh(owed)).map(|(id, _)| *id)
    }

    /// Groups that could be served for sure, where they take turns.
    fn waiting(&self, now: UnixMs) -> BTreeSet<u8> {
        self.fresh(now).map(|id| id % 2).collect()
    }

    fn is_remembered(&self, id: u8, now: UnixMs) -> bool {
        self.done.get(&id).is_some_and(|at| at + self.remember > now.0)
    }

    /// The watermark is at least the least of its sources.
    fn rise(&mut self) {
        self.watermark = self.watermark.max(self.sources.as_ref().and_then(Sources::least));
    }

    fn change(&mut self, write: &Write, now: UnixMs) -> Before {
        match write {
            Write::Add(id, _) if self.is_remembered(*id, now) => return Before::Breaks(Broken::Remembered),
            Write::Add(id, timestamp) => {
                self.owed.insert(*id, Owed { timestamp: *timestamp, is_handed: false });
                self.done.remove(id);
                return Before::Superseded(vec![*id]);
            }
            Write::Remove(id) => {
                self.owed.remove(id);
                return Before::Removed(vec![*id]);
            }
            Write::Advance(to) => self.watermark = self.watermark.max(Some(*to)),
            Write::Lower(to) => self.watermark = Some(*to),
            Write::Forget(id) => drop(self.done.remove(id)),
            Write::ForgetOver => {}
            Write::Report { .. } | Write::SetBack { .. } | Write::Renew(_) | Write::LeaveOut(_) => {
                let sources = self.sources.as_mut().expect("it has sources");
                let mut is_right = true;
                match write {
                    Write::Report { source, to } => sources.report(*source, *to, now.0),
                    Write::SetBack { source, to } => sources.set_back(*source, *to),
                    Write::Renew(source) => sources.renew(*source, now.0),
                    Write::LeaveOut(left_out) => is_right = sources.leave_out(left_out, now.0),
                    _ => {}
                }
                self.rise();
                if !is_right {
                    return Before::Breaks(Broken::LeftOut);
                }
            }
        }
        Before::Stands
    }
}

impl family::Truth<Write> for Truth {
    fn group(&self, _: &[u8]) -> Option<Vec<u8>> {
        (self.limit == 1).then(|| b"group".to_vec())
    }

    fn fresh(&self, now: UnixMs) -> Vec<Vec<u8>> {
        Truth::fresh(self, now).map(|id| vec![id]).collect()
    }

    fn written(&mut self, write: &Write, now: UnixMs) -> Before {
        let before = self.change(write, now);
        let waiting = self.waiting(now);
        self.turns.iter_mut().for_each(|turns| turns.wait(&waiting));
        before
    }

    fn refused(&self, write: &Write, now: UnixMs) -> Option<Broken> {
        let Write::Add(id, _) = write else { return None };
        let is_in_hand = self.owed.get(id).is_some_and(|owed| owed.is_handed);
        (!is_in_hand && !self.is_remembered(*id, now)).then_some(Broken::Refused)
    }

    fn went_on(&mut self, now: UnixMs) {
        self.sources.iter_mut().for_each(|sources| sources.went_on(now.0));
    }

    fn delivered(&mut self, delivery: &Delivery, now: UnixMs) -> Result<(), Broken> {
        let id = delivery.name[0];
        if self.owed.get(&id).map(|owed| owed.timestamp) != Some(delivery.key) {
            return Err(Broken::Settled);
        }
        if Some(delivery.key) > self.reached(now) {
            return Err(Broken::Early);
        }
        let waiting = self.waiting(now);
        let is_fair = self.turns.as_mut().is_none_or(|turns| turns.serve(id % 2, &waiting));
        self.owed.entry(id).and_modify(|owed| owed.is_handed = true);
        if is_fair {
            Ok(())
        } else {
            Err(Broken::Turn)
        }
    }

    fn settled(&mut self, delivery: &Delivery, done_at: Option<UnixMs>) {
        let id = delivery.name[0];
        self.owed.remove(&id);
        if let Some(at) = done_at.filter(|_| self.remember > 0) {
            self.done.insert(id, at.0);
        }
    }

    fn owes(&self, deliveries: &[Delivery], _: &[Write], _: UnixMs) -> bool {
        let came = deliveries.iter().map(|delivery| (delivery.name[0], delivery.key));
        let came: BTreeMap<u8, i64> = came.collect();
        came.len() == deliveries.len() && came.into_iter().eq(self.owed.iter().map(|(id, owed)| (*id, owed.timestamp)))
    }
}
