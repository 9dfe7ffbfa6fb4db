//! Two servers under torture while clients work with all families; then a judge looks at what the clients sent and got.
//!
//! `make torture` plays schedules, each from a seed: `SEED=7` repeats one, `SCHEDULES=200` plays so many (from `SEED` on), `SECONDS_=30` makes each last that long. A seed repeats what is done to
//! the servers and what each client does; how that falls together in time is the machine's.
//!
//! In the end everything is drained, and the following must hold: the judge (`tests/history`) finds nothing; master and replica are equal; neither has logged a fault; and the keys are as
//! small as empty ones.

#[path = "../harness/mod.rs"]
mod harness;

mod crowd;
mod disturb;
mod heard;
mod keys;
mod libraries;
mod link;
mod listener;
mod load;
mod loss;
mod nodes;
mod pair;
mod partition;
mod planted;
mod sentinels;
mod slots;
mod stage;
mod writes;

use crowd::{at_work, CLIENTS};
use harness::{doing, same_data, wait_until, Deadline};
use keys::{IDLE_MS, KEYS, SLACK_MS};
use libraries::Libraries;
use load::Load;
use pair::{Pair, Sync};
use stage::Stage;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tsgen_history::{judge, Act, Answer, Call, Gate, History, Report, Terms};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().filter(|text| !text.is_empty()).map(|text| text.parse().expect("a number"))
}

/// Whether what this variable names must be there.
fn insists(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| !value.is_empty())
}

#[test]
fn what_was_promised_holds_under_torture() {
    let first = number("SEED");
    let schedules = number("SCHEDULES").unwrap_or(if first.is_some() { 1 } else { 4 });
    let seeds = first.unwrap_or(1)..first.unwrap_or(1) + schedules;
    let mut total = Report::default();
    for seed in seeds {
        let schedule = Schedule::of(seed);
        let history = play(seed, Duration::from_secs(seconds()));
        println!(
            "seed {seed}: {} calls, {} of them by libraries, {} losses",
            history.calls.len(),
            history.calls.iter().filter(|call| call.client >= libraries::FIRST).count(),
            history.losses.len()
        );
        schedule.judged(&history, &mut total);
    }
    print!("{total}");
}

/// Plays one schedule to its end, and tells what clients saw.
fn play(seed: u64, length: Duration) -> History {
    let sync = if seed % 3 == 0 { Sync::EverySecond } else { Sync::Always };
    let (mut pair, stage) = Pair::start(sync);
    let stage = Arc::new(stage);
    let mut libraries = Libraries::start(&stage);
    let mut history = History { terms: terms(sync), ..History::default() };
    let mut disturber = disturb::Disturber::new(&stage, seed);
    let client = |number| Load::new(&stage, number, seed);
    let (loads, ()) = at_work(&stage, client, || {
        let begin = Instant::now();
        let mut has_killed = false;
        while begin.elapsed() < length {
            history.losses.extend(disturber.disturb(&mut pair));
            if !has_killed && begin.elapsed() > length / 2 {
                libraries.kill_one(seed);
                has_killed = true;
            }
        }
        libraries.wait_until_used();
    });
    pair.begun.append(&mut disturber.evicted);
    pair.heal();
    let told = libraries.end();
    assert!(told.surprises.is_empty(), "workers of libraries: {:#?}", told.surprises);
    pair.begun.append(&mut disturber.evicted);
    pair.begun.extend(told.calls);
    let shows_deadlines = pair.master.has_version("7.2");
    let mut history = wind_up(pair, &stage, history, loads, seed);
    if !shows_deadlines {
        excuse_evictions(&mut history, &disturber.squeezes);
    }
    nothing_while_paused(&history, &disturber.pauses);
    history
}

/// A schedule that is played. Should anybody panic meanwhile, it says how to play it again.
struct Schedule {
    seed: u64,
    _deadline: Deadline,
}

impl Drop for Schedule {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let server = std::env::var("REDIS_SERVER").map(|path| format!("REDIS_SERVER={path} ")).unwrap_or_default();
            eprintln!("repeat this schedule with: {server}make torture SEED={} SECONDS_={}", self.seed, seconds());
        }
    }
}

impl Schedule {
    fn of(seed: u64) -> Self {
        Self { seed, _deadline: deadline(&format!("the schedule of seed {seed}")) }
    }

    /// Adds what the judge says of a history; if that is anything bad, the whole history is kept: a seed repeats what is done, and not how it falls together in time.
    fn judged(&self, history: &History, total: &mut Report) {
        let _at = doing("the judge");
        let report = judge(history);
        if !report.is_clean() {
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("torture-{}.txt", self.seed));
            std::fs::write(&path, format!("{report}\n{history:#?}\n")).expect("write the history");
            panic!("{report}\nthe history is in {}", path.display());
        }
        total.add(report);
    }
}

/// When `what` must be over: its length, and longer than all that it waits for may take, in its own words (`wait_until`, `wait_long`). What hangs after that has no limit of its own.
fn deadline(what: &str) -> Deadline {
    Deadline::after(what, Duration::from_secs(seconds() + 240))
}

/// How long a schedule lasts.
fn seconds() -> u64 {
    number("SECONDS_").unwrap_or(6)
}

fn terms(sync: Sync) -> BTreeMap<String, Terms> {
    KEYS.iter().map(|key| (key.name.to_owned(), key.terms(sync == Sync::Always))).collect()
}

/// The end of a schedule: everything is worked off, and the two servers are looked at.
fn wind_up(mut pair: Pair, stage: &Stage, history: History, loads: Vec<Load>, seed: u64) -> History {
    let mut drainer = Load::new(stage, CLIENTS, seed);
    drainer.open_all();
    stage.set(|clock| clock.pass(100_000));
    wait_until("everything is worked off", || drainer.drain());
    drainer.read_streams();
    same_data(&pair.master, &pair.replica);
    pair.look_back();
    if pair.halves > 0 {
        println!("seed {seed}: {} times a crash left half a transaction at the end of the AOF", pair.halves);
    }
    finish(Played { history, loads, drainer, begun: pair.begun, steps: stage.steps() })
}

/// What there is when a schedule has come to its end.
struct Played<'a> {
    /// With terms and losses.
    history: History,
    loads: Vec<Load<'a>>,
    drainer: Load<'a>,
    begun: Vec<Call>,
    steps: Vec<(u64, [i64; 2])>,
}

/// The whole history, for the judge.
fn finish(played: Played) -> History {
    let Played { mut history, loads, drainer, mut begun, steps } = played;
    let surprises: Vec<_> = loads.iter().chain([&drainer]).flat_map(|load| load.surprises.iter().cloned()).collect();
    assert!(surprises.is_empty(), "replies that nothing explains: {surprises:#?}");
    history.calls = loads.into_iter().chain([drainer]).flat_map(|load| load.calls).collect();
    for call in &mut history.calls {
        let within = steps.iter().filter(|(at, _)| (call.begin..=call.end).contains(at)).flat_map(|(_, times)| times);
        call.clock = within.fold(call.clock, |(low, high), time| (low.min(*time), high.max(*time)));
        made_absolute(call);
        debounced(call, &steps);
    }
    history.calls.append(&mut begun);
    history.steps = steps.into_iter().flat_map(|(at, times)| times.map(|time| (at, time))).collect();
    history
}

/// Before 7.2 a watched key that is evicted in the turn of the loop in which it got its deadline is not delivered: `docs/guarantees.md`. It got it in a call that was under way while keys
/// were evicted.
fn excuse_evictions(history: &mut History, squeezes: &[(u64, u64)]) {
    let is_watcher = |call: &Call| KEYS.iter().any(|key| key.family == "EXPIRY" && key.name == call.key);
    let may_be_gone = |call: &Call| {
        let Act::Write(units) = &call.act else { return None };
        let (from, until) = squeezes.iter().find(|(from, until)| call.begin <= *until && call.end >= *from)?;
        let names = units.iter().map(|unit| unit.name.clone()).collect();
        Some(Call { begin: *from, end: *until, act: Act::Remove(names), answer: Answer::Unclear, ..call.clone() })
    };
    let gone: Vec<Call> = history.calls.iter().filter(|call| is_watcher(call)).filter_map(may_be_gone).collect();
    history.calls.extend(gone);
}

/// A key that is paused hands out nothing.
fn nothing_while_paused(history: &History, pauses: &[(&str, u64, u64)]) {
    for (key, from, until) in pauses {
        let is_within = |call: &&Call| call.key == *key && call.begin >= *from && call.end <= *until;
        for call in history.calls.iter().filter(is_within) {
            let is_empty = !matches!(&call.act, Act::Claim { deliveries, .. } if !deliveries.is_empty());
            assert!(is_empty, "{key} was paused from {from} until {until}, and handed out: {call:?}");
        }
    }
}

/// Where the clock is the gate, a due time counts from the earliest time of day that the server may have seen in the call.
fn made_absolute(call: &mut Call) {
    let Act::Write(units) = &mut call.act else { return };
    if KEYS.iter().any(|key| key.name == call.key && key.gate != Gate::Watermark) {
        units.iter_mut().for_each(|unit| unit.due += call.clock.0);
    }
}

/// A group is quiet by the clock of its last push: where the clock was set back after an earlier one, what that one pushed is due earlier by it.
fn debounced(call: &mut Call, steps: &[(u64, [i64; 2])]) {
    let Act::Write(units) = &mut call.act else { return };
    let lowest = steps.iter().filter(|(at, _)| *at >= call.begin).flat_map(|(_, times)| times).min();
    if let Some(lowest) = lowest.filter(|_| call.key == "{c}scans") {
        units.iter_mut().for_each(|unit| unit.due = unit.due.min(lowest + IDLE_MS - SLACK_MS));
    }
}
