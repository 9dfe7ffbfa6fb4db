//! TALLY under simulation: clients that count, and workers that write batches into a database, which keeps each batch with its number
//! under a unique constraint, in one transaction. Workers may die behind the transaction and before the ACK.
//!
//! Judged besides: a batch has what was counted from its first increment until EVERY later, or until it was full or sealed, in byte
//! order, and is ready at that time to the millisecond; a timer stands at or before the end of each window; a number means one content,
//! also to workers that had it from a master that was lost; and in the end each increment that survived is in the database once,
//! with the batches that survived.
//!
//! What may be in the database besides, and nothing else: batches whose number was made in the time that a crash or a failover
//! took. What they have was counted twice, as far as increments survived that their sealing did not outlive.

use crate::family::{self, options, Delivery};
use crate::node::{Node, Role, Source};
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use tsgen_engine::{batch_number, Batch, Counted, DeliveryOptions, Millis, Tally, UnixMs, Window, WindowRules};

const FIELDS: u8 = 12;

/// What clients count, and what workers have written, by number: the database outlives every server.
#[derive(Default)]
pub struct Clients {
    database: BTreeMap<u64, Content>,
}

/// When the window opened, when it was sealed, and its sums in the order in which they were told.
#[derive(Clone, PartialEq, Debug)]
struct Content {
    opened_at: i64,
    sealed_at: i64,
    sums: Vec<(Vec<u8>, i64)>,
}

impl Content {
    fn of(delivery: &Delivery) -> Self {
        let batch = Batch::of(&delivery.body);
        let sums = batch.sums().map(|(field, sum)| (field.to_vec(), sum)).collect();
        Content { opened_at: batch.opened_at.0, sealed_at: delivery.key, sums }
    }
}

#[derive(Clone)]
pub enum Write {
    /// Plain ones are told as they came, others with their time.
    Count {
        increments: Vec<(Vec<u8>, i64)>,
        is_plain: bool,
    },
    Seal,
    Alter {
        every: Option<Millis>,
        max_fields: Option<u64>,
    },
}

fn number(delivery: &Delivery) -> u64 {
    batch_number(&delivery.name).expect("the name of a batch is its number")
}

fn count(key: &mut Tally, increments: &[(Vec<u8>, i64)], now: UnixMs) -> Option<Counted> {
    let counted = match increments {
        [(field, delta)] => key.incr(field, *delta, now).map(|done| done.counted),
        several => {
            let several: Vec<_> = several.iter().map(|(field, delta)| (&field[..], *delta)).collect();
            key.mincr(&several, now).map(|done| done.counted)
        }
    };
    // Refused only where there is no room.
    counted.ok()
}

fn rules(rng: &mut Rng) -> (Millis, u64) {
    (Millis(rng.u64(10..500)), if rng.bool() { rng.u64(1..12) } else { 10_000 })
}

impl family::Family for Clients {
    type Gate = Window;
    type Write = Write;
    type Truth = Truth;
    /// When the timer comes.
    type Around = UnixMs;

    fn start(rng: &mut Rng) -> (Self, Tally, UnixMs, Truth) {
        let (every, max_fields) = rules(rng);
        let rules = WindowRules { every, max_fields, ..WindowRules::default() };
        let options = DeliveryOptions { max_len: if rng.bool() { rng.u64(5..60) } else { 0 }, ..options() };
        let key = Tally::create(rules, options, [1, 2]).expect("valid");
        (Clients::default(), key, UnixMs::NEVER, Truth::new(every, max_fields))
    }

    fn write(&mut self, rng: &mut Rng, node: &Node<Self>, now: UnixMs) -> Vec<Write> {
        let write = match rng.u32(0..40) {
            0 | 1 => Write::Seal,
            2 => {
                let (every, max_fields) = rules(rng);
                Write::Alter { every: rng.bool().then_some(every), max_fields: rng.bool().then_some(max_fields) }
            }
            _ => {
                let mut increment = || (format!("user:{}", rng.u8(0..FIELDS)).into_bytes(), rng.i64(-3..9));
                let first = increment();
                let increments = if first.1 > 2 { vec![first] } else { vec![first, increment(), increment()] };
                let counted = count(&mut node.key.clone(), &increments, now);
                Write::Count { increments, is_plain: counted.is_some_and(|counted| counted.is_plain) }
            }
        };
        vec![write]
    }

    fn apply(node: &mut Node<Self>, write: &Write, now: UnixMs) -> bool {
        let key = &mut node.key;
        match write {
            Write::Count { increments, is_plain } => {
                // Whoever repeats a plain one takes its window for open, whatever its own clock says.
                let at = if *is_plain { UnixMs::EVER } else { now };
                let counted = count(key, increments, at);
                assert_eq!(counted.is_some_and(|counted| counted.is_plain), *is_plain);
                let opened_until = counted.and_then(|counted| counted.opened_until);
                node.around = node.around.min(opened_until.unwrap_or(UnixMs::NEVER));
                counted.is_some()
            }
            Write::Seal => key.seal(now).changed,
            Write::Alter { every, max_fields } => {
                let before = *key.rules();
                let every = every.unwrap_or(before.every);
                let max_fields = max_fields.unwrap_or(before.max_fields);
                key.alter_rules(WindowRules { every, max_fields, ..before }).expect("valid")
            }
        }
    }

    fn terms(_: &Tally) -> Option<tsgen_history::Terms> {
        Some(tsgen_history::Terms::under(tsgen_history::Gate::ClockOnce))
    }

    fn noted(write: &Write, _: &Truth, _: UnixMs) -> Vec<tsgen_history::Act> {
        let Write::Count { increments, .. } = write else { return Vec::new() };
        let increments = increments.iter().map(|(field, delta)| (String::from_utf8_lossy(field).into_owned(), *delta));
        vec![tsgen_history::Act::Count(increments.collect())]
    }

    fn handed(delivery: &Delivery) -> tsgen_history::Delivery {
        let sums = Content::of(delivery).sums.into_iter();
        let sums = sums.map(|(field, sum)| (String::from_utf8_lossy(&field).into_owned(), sum)).collect();
        let ready_at = Some(delivery.key);
        tsgen_history::Delivery { sums, ready_at, ..crate::notes::one(delivery, number(delivery)) }
    }

    fn last_writes() -> Vec<Write> {
        Vec::new()
    }

    fn wakes_at(node: &Node<Self>, now: UnixMs) -> Option<UnixMs> {
        Some(node.around).filter(|at| *at > now && *at < UnixMs::NEVER)
    }

    fn tick(_: &mut Rng, node: &mut Node<Self>, role: Role) -> Vec<Write> {
        let now = node.clock;
        if node.around.is_due(now) {
            let is_overdue = node.key.has_window() && node.key.window(now).is_none();
            let is_for_somebody = node.key.claimable(now) || node.key.options().paused;
            assert!(!is_overdue || is_for_somebody, "nobody is woken for a window that is over");
            set_timer(node);
        }
        let ends_at = node.key.window(now).map(|window| window.seals_at);
        assert!(
            role == Role::Replica || ends_at.is_none_or(|at| node.around <= at),
            "a window ends and no timer comes"
        );
        Vec::new()
    }

    fn loaded(node: &mut Node<Self>, _: Source) {
        set_timer(node);
    }

    fn promoted(node: &mut Node<Self>) {
        set_timer(node);
    }

    /// One transaction. What has been written already is refused by the constraint.
    fn worked(&mut self, delivery: &Delivery) {
        let content = Content::of(delivery);
        let row = self.database.entry(number(delivery)).or_insert_with(|| content.clone());
        assert_eq!(*row, content, "a number of two batches: the second would be lost");
    }

    fn judge_work(&self, truth: &Truth) {
        let mut totals: BTreeMap<&[u8], i64> = BTreeMap::new();
        for (number, row) in &self.database {
            if truth.numbers.contains_key(number) {
                row.sums.iter().for_each(|(field, sum)| *totals.entry(field).or_default() += sum);
            } else {
                assert!(truth.was_lost(*number), "batch {number} was written, and nothing has taken it away since");
            }
        }
        let counted: BTreeMap<&[u8], i64> = truth.counted.iter().map(|(field, sum)| (&field[..], *sum)).collect();
        assert_eq!(totals, counted, "the database has not what was counted");
    }
}

fn set_timer(node: &mut Node<Clients>) {
    node.around = node.key.next_deadline(node.clock).unwrap_or(UnixMs::NEVER);
}

#[derive(Clone)]
pub struct Truth {
    every: Millis,
    max_fields: u64,
    open: Option<Open>,
    sealed: Vec<Sealed>,
    /// Which of the sealed ones has this number.
    numbers: BTreeMap<u64, usize>,
    acked: BTreeSet<u64>,
    /// All that was ever counted.
    counted: BTreeMap<Vec<u8>, i64>,
    /// The time of the last that survived.
    last_at: i64,
    /// From when until when what was done is lost.
    gaps: Vec<(i64, i64)>,
}

#[derive(Clone)]
struct Open {
    opened_at: i64,
    seals_at: i64,
    sums: BTreeMap<Vec<u8>, i64>,
}

#[derive(Clone)]
struct Sealed {
    content: Content,
    /// It has a number of just that time, because it was sealed by an operation.
    by_operation: bool,
    is_numbered: bool,
}

impl Truth {
    fn new(every: Millis, max_fields: u64) -> Self {
        Truth {
            every,
            max_fields,
            open: None,
            sealed: Vec::new(),
            numbers: BTreeMap::new(),
            acked: BTreeSet::new(),
            counted: BTreeMap::new(),
            last_at: i64::MIN,
            gaps: Vec::new(),
        }
    }

    fn seal(&mut self, sealed_at: i64, by_operation: bool) {
        let Some(Open { opened_at, sums, .. }) = self.open.take() else { return };
        let content = Content { opened_at, sealed_at, sums: sums.into_iter().collect() };
        self.sealed.push(Sealed { content, by_operation, is_numbered: false });
    }

    /// A window that is over at `now` is sealed.
    fn time_passes(&mut self, now: UnixMs) {
        self.last_at = now.0;
        if let Some(at) = self.open.as_ref().map(|open| open.seals_at).filter(|at| *at <= now.0) {
            self.seal(at, false);
        }
    }

    fn count(&mut self, field: &[u8], delta: i64, now: UnixMs) {
        *self.counted.entry(field.to_vec()).or_default() += delta;
        let seals_at = now.after(self.every).0;
        let open = self.open.get_or_insert_with(|| Open { opened_at: now.0, seals_at, sums: BTreeMap::new() });
        let before = open.sums.len();
        *open.sums.entry(field.to_vec()).or_default() += delta;
        if open.sums.len() > before && open.sums.len() as u64 >= self.max_fields {
            self.seal(now.0, true);
        }
    }

    /// The window that is told for the first time as batch `number`.
    fn identify(&mut self, number: u64, content: &Content, now: UnixMs) -> usize {
        let found = self.sealed.iter().position(|sealed| !sealed.is_numbered && sealed.content == *content);
        let found = found.unwrap_or_else(|| panic!("batch {number} is none of the windows there were: {content:?}"));
        let sealed = &mut self.sealed[found];
        sealed.is_numbered = true;
        let (made_at, until) = (made_at(number), if sealed.by_operation { content.sealed_at } else { now.0 });
        assert!((content.sealed_at..=until).contains(&made_at), "batch {number} was not numbered when it was sealed");
        found
    }

    fn was_lost(&self, number: u64) -> bool {
        self.gaps.iter().any(|(after, until)| (*after..*until).contains(&made_at(number)))
    }
}

/// The time at which a batch was sealed, which its number is made of: far fewer than 1024 are in a millisecond.
fn made_at(number: u64) -> i64 {
    (number / 1024) as i64
}

impl family::Truth<Write> for Truth {
    fn written(&mut self, write: &Write, now: UnixMs) {
        self.time_passes(now);
        match write {
            Write::Count { increments, .. } => {
                increments.iter().for_each(|(field, delta)| self.count(field, *delta, now));
            }
            Write::Seal => self.seal(now.0, true),
            Write::Alter { every, max_fields } => {
                self.every = every.unwrap_or(self.every);
                self.max_fields = max_fields.unwrap_or(self.max_fields);
            }
        }
    }

    fn went_on_with(&mut self, _: Source, now: UnixMs) {
        self.gaps.push((self.last_at, now.0));
    }

    fn delivered(&mut self, delivery: &Delivery, now: UnixMs) {
        self.time_passes(now);
        let (number, content) = (number(delivery), Content::of(delivery));
        assert!(!self.acked.contains(&number), "{number} came back after it was acknowledged");
        let known = self.numbers.get(&number).copied();
        let window = known.unwrap_or_else(|| self.identify(number, &content, now));
        self.numbers.insert(number, window);
        assert_eq!(self.sealed[window].content, content, "batch {number} was another before");
    }

    fn acked(&mut self, delivery: &Delivery) {
        assert!(self.acked.insert(number(delivery)), "acknowledged twice");
    }

    fn identity(delivery: &Delivery) -> u64 {
        number(delivery)
    }

    fn judge(&self) {
        let lost = self.sealed.iter().filter(|sealed| !sealed.is_numbered).count();
        assert_eq!((lost, self.open.is_none()), (0, true), "counted and never delivered");
        assert!(self.numbers.keys().eq(&self.acked), "delivered and never acknowledged");
        assert!(!self.acked.is_empty());
    }
}
