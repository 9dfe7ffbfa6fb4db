//! What watching costs those who write: the server's CPU of `SET key value EX 1000`, pipelined, of keys that are watched, and of
//! others beside a watcher; against the same module without a watcher, and that against a plain server. And what a thousand watchers cost
//! those whose keys none of them watches, against one. What a watcher costs cannot fall below what the server takes for telling a module that
//! does nothing (`tests/shim/subscriber.rs`): that is shown beside it, against a plain server.
//!
//! All of them take turns in every round, each on a fresh process, and a round is compared within itself.

use crate::gauge;
use crate::harness::{build_shim, Server};
use crate::load::{self, KEY, PAYLOAD};
use crate::pipe::{Pipe, Requests};
use crate::push::PER_WRITE;
use crate::rounds::Pair;
use crate::scale::Scale;
use crate::table::{Table, Unit};
use std::path::PathBuf;
use std::sync::OnceLock;

/// Two prefixes of the same length, of which the first may be watched.
const WATCHED: &str = "watched:";
const ANOTHER: &str = "another:";
/// As long, and begins as the prefixes of many watchers do, to part from them later on.
const AMONG_OTHERS: &str = "watchez:";

#[derive(Clone, Copy)]
enum Module {
    None,
    Ours,
    /// It subscribes to the same, and does nothing.
    Subscriber,
}

/// A server, and the keys that are written on it.
#[derive(Clone, Copy)]
struct Setting {
    module: Module,
    watchers: usize,
    prefix: &'static str,
}

/// More than one.
const MANY: usize = 1_000;

const PLAIN: usize = 0;
const NO_WATCHER: usize = 1;
const BESIDE: usize = 2;
const UNDER: usize = 3;
const AMONG: usize = 4;
const TOLD: usize = 5;
const SETTINGS: [Setting; 6] = [
    Setting { module: Module::None, watchers: 0, prefix: ANOTHER },
    Setting { module: Module::Ours, watchers: 0, prefix: ANOTHER },
    Setting { module: Module::Ours, watchers: 1, prefix: ANOTHER },
    Setting { module: Module::Ours, watchers: 1, prefix: WATCHED },
    Setting { module: Module::Ours, watchers: MANY, prefix: AMONG_OTHERS },
    Setting { module: Module::Subscriber, watchers: 0, prefix: ANOTHER },
];

/// Which keys are written, one after the other, in this order.
const WRITES: [&str; 3] = ["new keys", "each key again", "one key all the time"];

/// Nanoseconds per SET, for each of [`WRITES`].
type Costs = [f64; WRITES.len()];

pub fn measure(scale: &Scale, table: &mut Table) {
    let sets = scale.sets;
    table.section("watching", &format!("{sets} times SET EX 1000 (64-byte values), pipelined: server CPU per SET"));
    let rounds: Vec<[Costs; SETTINGS.len()]> = (0..scale.rounds).map(|round| in_turn(round, sets)).collect();
    for (what, ours, theirs, target) in [
        ("unwatched, there is a watcher; theirs: none", BESIDE, NO_WATCHER, Some(1.15)),
        ("unwatched, there are a thousand watchers; theirs: one", AMONG, BESIDE, Some(1.3)),
        ("watched; theirs: no watcher", UNDER, NO_WATCHER, Some(1.6)),
        ("a module that only subscribes; theirs: no module", TOLD, PLAIN, None),
        ("no watcher; theirs: no module", NO_WATCHER, PLAIN, None),
    ] {
        for (write, name) in WRITES.iter().enumerate() {
            let samples: Vec<(f64, f64)> =
                rounds.iter().map(|settings| (settings[ours][write], settings[theirs][write])).collect();
            table.ratio(&format!("{what}: {name}"), &Pair::of(&samples, |ns| *ns), Unit::Nanoseconds, target);
        }
    }
}

/// One round. Who goes first changes.
fn in_turn(round: usize, sets: usize) -> [Costs; SETTINGS.len()] {
    let mut costs = [Costs::default(); SETTINGS.len()];
    for turn in 0..SETTINGS.len() {
        let setting = (round + turn) % SETTINGS.len();
        costs[setting] = cost(SETTINGS[setting], sets);
    }
    costs
}

fn cost(setting: Setting, sets: usize) -> Costs {
    static SUBSCRIBER: OnceLock<PathBuf> = OnceLock::new();
    let server = match setting.module {
        Module::None => Server::plain(&[]),
        Module::Ours => Server::start(&[]),
        Module::Subscriber => Server::start_with(SUBSCRIBER.get_or_init(|| build_shim("subscriber")), &[]),
    };
    let mut client = server.client();
    for nth in 0..setting.watchers {
        // The first watches all of them, the others some each.
        let some = if nth == 0 { String::new() } else { format!("{nth}:") };
        client.ok(&format!("EXPIRY.CREATE {KEY}{nth} PREFIX {WATCHED}{some}"));
    }
    let cost = |number: &dyn Fn(usize) -> usize| ns_per_set(&server, setting.prefix, (0..sets).map(number));
    [cost(&|n| n), cost(&|n| n), cost(&|_| 0)]
}

fn ns_per_set(server: &Server, prefix: &str, numbers: impl ExactSizeIterator<Item = usize>) -> f64 {
    let (mut client, mut pipe, mut requests) = (server.client(), Pipe::to(server), Requests::default());
    let count = numbers.len() as f64;
    let before = gauge::cpu_us(&mut client);
    for number in numbers {
        let name = [prefix.as_bytes(), &load::id(number)].concat();
        requests.push(&[b"SET", &name, &PAYLOAD, b"EX", b"1000"]);
        if requests.count == PER_WRITE {
            pipe.run(&mut requests);
        }
    }
    pipe.run(&mut requests);
    (gauge::cpu_us(&mut client) - before) * 1000.0 / count
}
