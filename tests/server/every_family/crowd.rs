//! Random commands of one family against its keys while workers are blocked, leases end, gates open and a sink runs: the data is
//! the same everywhere all the time.

use crate::common::rewritten;
use crate::harness::*;
use std::sync::atomic::{AtomicBool, Ordering};

const ROUNDS: usize = 6;
const COMMANDS: usize = 500;

/// What a crowd does to the keys of one family. Keys `k1` to `k3` come and go.
struct Crowd {
    family: &'static str,
    /// Of the master. What the replica would do by its own defaults, it must not.
    config: &'static [&'static str],
    /// Keys that are made first; `piped` has the sink.
    setup: &'static [&'static str],
    keys: &'static [&'static str],
    /// A command of the family's own on a key.
    own: fn(&mut Random, &str) -> String,
}

/// A worker as there are many: it waits, takes what it gets, and finishes some of it.
fn work(server: &Server, crowd: &Crowd, number: u64, is_over: &AtomicBool) {
    let mut c = server.client();
    let mut random = Random::new(number);
    let keys: Vec<&str> = crowd.keys.iter().copied().filter(|key| *key != "piped").collect();
    let mut done: Option<(&str, i64)> = None;
    while !is_over.load(Ordering::Relaxed) {
        let (family, key) = (crowd.family, random.pick(&keys));
        let (lease, block) = (random.between(1, 12), random.between(5, 60));
        let other = random.pick(&keys);
        let options = format!("blocked{number} COUNT 3 LEASE {lease} BLOCK {block}");
        // What it has done last it acknowledges with its next claim, or never.
        let (command, by_key) = match random.one_in(2) {
            true => (format!("{family}.MCLAIM 2 {key} {other} {options}"), true),
            false => (format!("{family}.CLAIM {key} {options}"), false),
        };
        let receipt = done.take().filter(|(of, _)| of == key || (by_key && of == other));
        let acks = match receipt {
            Some((of, token)) if by_key => format!(" ACK {of} {token}"),
            Some((_, token)) => format!(" ACK {token}"),
            None => String::new(),
        };
        let reply = c.run(&(command + &acks));
        // RENAME and COPY bring the key with the sink to these names.
        let Reply::Array(taken) = reply else { continue };
        let entries: Vec<(String, i64)> = match by_key {
            true => taken.iter().flat_map(|of| tokens(&of.items()[0].text(), of.items()[1].items())).collect(),
            false => tokens(key, &taken),
        };
        for (of, token) in entries {
            match random.below(4) {
                0 => drop(c.run(&format!("{family}.ACK {of} {token}"))),
                1 => done = keys.iter().copied().find(|key| *key == of).map(|key| (key, token)),
                _ => {}
            }
        }
    }
}

/// The tokens of entries of a key.
fn tokens(key: &str, entries: &[Reply]) -> Vec<(String, i64)> {
    entries.iter().map(|entry| (key.to_owned(), entry.items()[0].int())).collect()
}

struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// With all writing held, master and replicas hold the same. (While it goes on, the timer writes between two digests.)
#[track_caller]
fn same_while_paused(c: &mut Client, master: &Server, replicas: &[&Server]) {
    c.ok("CLIENT PAUSE 60000 WRITE");
    for replica in replicas {
        same_data(master, replica);
    }
    c.ok("CLIENT UNPAUSE");
    release_waiting(c);
}

/// Ends the waiting of all who wait. What was sent during a pause would never time out on Redis 7.4 and 8.0 and on Valkey 8, be it BLPOP or
/// a CLAIM.
#[track_caller]
fn release_waiting(c: &mut Client) {
    let list = c.ok("CLIENT LIST").text();
    let field = |line: &str, name: &str| line.split(' ').find_map(|field| field.strip_prefix(name).map(str::to_owned));
    for line in list.lines().filter(|line| field(line, "flags=").is_some_and(|flags| flags.contains('b'))) {
        c.ok(&format!("CLIENT UNBLOCK {}", field(line, "id=").expect("an id")));
    }
}

impl Crowd {
    fn command(&self, random: &mut Random) -> String {
        if random.below(26) < 12 {
            let key = *random.pick(self.keys);
            return (self.own)(random, key);
        }
        match random.below(7) {
            0 => (*random.pick(&KEYSPACE)).to_owned(),
            _ => self.delivery_command(random),
        }
    }

    /// A delivery command, with tokens that may be current.
    fn delivery_command(&self, random: &mut Random) -> String {
        let token = (now_ms() - random.between(0, 30)) * 1024 + random.between(0, 3);
        let tokens = match random.one_in(2) {
            true => format!("{token}"),
            false => format!("{}-{token}", token - random.between(0, 20_000)),
        };
        let (key, lease) = (*random.pick(self.keys), random.between(1, 30));
        let other = *random.pick(self.keys);
        let command = match random.below(17) {
            14 => format!("CLAIM {key} w0 COUNT {} LEASE {lease} ACK {tokens}", random.between(1, 6)),
            15 => format!("MCLAIM 2 {key} {other} w1 COUNT {} LEASE {lease}", random.between(1, 6)),
            16 => format!("MCLAIM 3 none {key} {other} w2 COUNT 4 ACK {key} {tokens} ACK {other} {token}"),
            0 | 1 => format!("CLAIM {key} w{} COUNT {} LEASE {lease}", random.below(3), random.between(1, 6)),
            2 | 3 => format!("ACK {key} {tokens}"),
            4 => format!("NACK {key} {tokens} DELAY {}", random.below(20)),
            5 => format!("NACK {key} {tokens} {}", random.pick(&["DEAD", "REASON because", ""])),
            6 => format!("EXTEND {key} {lease} {tokens}"),
            7 => format!("RELEASE {key} {}", random.pick(&["w0", "w1", "blocked0", "blocked1"])),
            8 => {
                format!("{} {key} ALL COUNT {}", random.pick(&["REQUEUE", "DISCARD", "PROMOTE"]), random.between(1, 9))
            }
            9 => format!("{} {key} {tokens}", random.pick(&["REQUEUE", "DISCARD", "PROMOTE"])),
            10 => format!("ALTER {key} LEASE {lease} MAXDELIVERIES {} BACKOFF {}", random.below(4), random.below(5)),
            11 => format!("PENDING {key}"),
            12 => format!("CREATE k{}", random.between(1, 3)),
            _ => format!("INFO {key}"),
        };
        format!("{}.{command}", self.family)
    }

    #[track_caller]
    fn run(&self) {
        let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| now_ms() as u64);
        println!("SEED={seed}");
        let mut random = Random::new(seed);
        let mut master = Server::start(&[&["--appendonly", "yes", "--appendfsync", "no"], self.config].concat());
        let (replica, late) = (Server::start(&["--tsgen.lease", "1"]), Server::start(&[]));
        replica.replica_of(&master);
        let is_over = AtomicBool::new(false);
        scope(|scope| {
            let mut c = master.client();
            for line in self.setup {
                c.ok(line);
            }
            for number in 0..3 {
                let (master, is_over) = (&master, &is_over);
                scope.spawn(move || work(master, self, number, is_over));
            }
            // However this ends, the workers are to end too.
            let _ending = Ending(&is_over);
            for round in 0..ROUNDS {
                for _ in 0..COMMANDS {
                    c.run(&self.command(&mut random));
                }
                match round {
                    1 => late.replica_of(&master),
                    2 | 4 => drop(c.run("BGREWRITEAOF")),
                    3 => drop(c.run("CLIENT KILL TYPE replica SKIPME yes")),
                    _ => {}
                }
                let replicas: &[&Server] = if round >= 1 { &[&replica, &late] } else { &[&replica] };
                same_while_paused(&mut c, &master, replicas);
            }
        });
        self.check_at_rest(&mut master, &[&replica, &late]);
    }

    /// Where elements recur, the timer sweeps what ends, also if nobody waits: lets it end, and sweeps it.
    #[track_caller]
    fn still(&self, c: &mut Client, key: &str) {
        let recurs = |info: &Reply| !info.is_error() && self.family == "TSGEN" && info.field("recurring").int() > 0;
        let info = format!("{}.INFO {key}", self.family);
        if recurs(&c.run(&info)) {
            wait_until("all leases and delays have ended", || {
                // What comes back may have to wait for its BACKOFF.
                c.ok(&format!("TSGEN.PROMOTE {key} ALL COUNT 1000"));
                let info = c.ok(&info);
                info.field("leased").int() == 0 && info.field("delayed").int() == 0
            });
            c.ok(&format!("TSGEN.ALTER {key} MAXDELIVERIES 7"));
        }
    }

    /// No sink from here on, and nobody is blocked: nothing changes by itself any more.
    #[track_caller]
    fn check_at_rest(&self, master: &mut Server, replicas: &[&Server]) {
        let mut c = master.client();
        let mut appended = 0;
        for db in [1, 0] {
            c.ok(&format!("SELECT {db}"));
            for key in self.keys {
                c.run(&format!("PERSIST {key}"));
                c.run(&format!("{}.ALTER {key} SINK \"\"", self.family));
                self.still(&mut c, key);
            }
            appended += c.ok("XLEN stream").int();
        }
        for replica in replicas {
            same_data(master, replica);
            assert_eq!(replica.client().info("tsgen", "tsgen_adopted-tokens").as_str(), "0");
        }
        assert_eq!(c.info("tsgen", "tsgen_caught-panics").as_str(), "0");
        assert!(appended > 20, "the sink has run: {appended}");
        rewritten(&mut c);
        let digest = master.digest_all();
        master.restart(Stop::NoSave);
        assert_eq!(master.digest_all(), digest, "after loading the AOF");
        master.client().ok("DEBUG RELOAD");
        assert_eq!(master.digest_all(), digest, "after loading an RDB");
    }
}

/// What brings keys to other names and databases.
const KEYSPACE: [&str; 11] = [
    "DEL k1",
    "UNLINK k2",
    "RENAME k1 k2",
    "RENAME k3 k1",
    "COPY k2 k3 REPLACE",
    "COPY piped k3 REPLACE",
    "COPY bounded k1 REPLACE",
    "COPY jobs k2 REPLACE",
    "MOVE k3 1",
    "SWAPDB 0 1",
    "PEXPIRE k2 10",
];

#[test]
fn tsgen_keys_are_the_same_everywhere() {
    let own = |random: &mut Random, key: &str| {
        let (at, id) = (random.below(100), random.below(60));
        let is_clock = matches!(key, "bounded" | "piped" | "jobs");
        match random.below(14) {
            // Some come again (in `k1` to `k3` that is an error, unless one is a copy).
            0 | 1 if key != "sources" => {
                let (guard, every) = (random.pick(&["", "", "NX ", "XX "]), random.between(1, 40));
                let id = random.below(12);
                format!("TSGEN.ADD {key} {guard}EVERY {every} +{} job{id} p{at}", random.below(50))
            }
            2 if is_clock => format!("TSGEN.ADD {key} XX +{} job{}", random.below(50), random.below(12)),
            3 if is_clock => format!("TSGEN.REM {key} job{} job{}", random.below(12), random.below(12)),
            4 if key == "jobs" => format!("TSGEN.ALTER {key} PAUSED {}", random.pick(&["yes", "no", "no"])),
            0..=5 if is_clock => format!("TSGEN.ADD {key} +{} id{id} p{at}", random.below(50)),
            0..=5 => format!("TSGEN.ADD {key} {at} id{id} p{at}"),
            6 => format!("TSGEN.ADD {key} {} {at} id{id}", random.pick(&["NX", "XX"])),
            7 => format!("TSGEN.MADD {key} {at} id{id} x {} id{} y", random.below(100), random.below(60)),
            8 | 9 if key == "sources" => {
                let (source, force) = (random.pick(&["a", "b", "c"]), random.pick(&["", " FORCE"]));
                format!("TSGEN.ADVANCE {key} {at} SOURCE {source}{force}")
            }
            10 if key == "sources" => {
                format!("TSGEN.ALTER {key} {}SOURCE c", random.pick(&["ADD", "REM"]))
            }
            8..=10 => format!("TSGEN.ADVANCE {key} {}", random.below(60)),
            11 => format!("TSGEN.REM {key} id{id} id{}", random.below(60)),
            12 => format!("TSGEN.ALTER {key} WATERMARK {}", random.below(60)),
            _ => format!(
                "EVAL \"redis.call('TSGEN.ADD', KEYS[1], 1, 'lua') return redis.call('TSGEN.CLAIM', KEYS[1], 'w', 'LEASE', 3)\" 1 {key}"
            ),
        }
    };
    Crowd {
        family: "TSGEN",
        config: &["--tsgen.max-deliveries", "3"],
        setup: &[
            "TSGEN.CREATE bounded CLOCK LEASE 20 MAXDELIVERIES 2 REMEMBER 1h REMEMBERMAX 12",
            "TSGEN.CREATE sources SOURCES 2 a b LATE REJECT SOURCEIDLE 5 MAXJUMP 60 BACKOFF 3 MAXBACKOFF 10",
            "TSGEN.CREATE jobs CLOCK LEASE 20 MAXDELIVERIES 1 MAXLEN 30 GROUPLIMIT 1 FAIR yes",
            "TSGEN.CREATE piped CLOCK SINK stream",
            "TSGEN.CREATE full MAXLEN 20 LEASE 5",
        ],
        keys: &["k1", "k2", "k3", "bounded", "jobs", "sources", "full", "piped"],
        own,
    }
    .run();
}

/// Leases that end while workers are blocked and the AOF is on have killed a server once: what the timer found out was
/// replicated from the reply callback of a client that was not replied to, and Redis asserts that nobody does that.
#[test]
fn debounce_keys_are_the_same_everywhere() {
    let own = |random: &mut Random, key: &str| {
        let (group, other) = (random.below(12), random.below(12));
        match random.below(16) {
            0..=8 => {
                let items: Vec<String> = (0..random.between(1, 6)).map(|_| format!("item{}", random.below(25))).collect();
                format!("DEBOUNCE.PUSH {key} g{group} {}", items.join(" "))
            }
            9 => format!("DEBOUNCE.FLUSH {key} g{group} g{other}"),
            10 => format!("DEBOUNCE.FLUSHALL {key} COUNT {}", random.between(1, 4)),
            11 => format!("DEBOUNCE.CANCEL {key} g{group} g{other}"),
            12 | 13 => format!(
                "DEBOUNCE.ALTER {key} IDLE {} MAXWAIT {} MAXITEMS {}",
                random.between(1, 40),
                random.below(60),
                random.below(7)
            ),
            14 => format!(
                "EVAL \"redis.call('DEBOUNCE.PUSH', KEYS[1], 'g{group}', 'lua') redis.call('DEBOUNCE.FLUSH', KEYS[1], 'g{group}') return redis.call('DEBOUNCE.CLAIM', KEYS[1], 'w', 'LEASE', 3)\" 1 {key}"
            ),
            _ => format!("DEBOUNCE.GROUPS {key} AFTER g{group}"),
        }
    };
    Crowd {
        family: "DEBOUNCE",
        config: &["--tsgen.debounce-idle", "10", "--tsgen.max-deliveries", "3"],
        setup: &[
            "DEBOUNCE.CREATE bounded IDLE 30 MAXWAIT 40 MAXITEMS 4 UNIQUE no BACKOFF 2 MAXBACKOFF 9 LEASE 5",
            "DEBOUNCE.CREATE full IDLE 15 MAXLEN 12 LEASE 5 MAXDELIVERIES 2",
            "DEBOUNCE.CREATE piped IDLE 8 MAXITEMS 3 SINK stream",
        ],
        keys: &["k1", "k2", "k3", "bounded", "full", "piped"],
        own,
    }
    .run();
}

#[test]
fn tally_keys_are_the_same_everywhere() {
    let own = |random: &mut Random, key: &str| {
        let (field, other) = (random.below(12), random.below(12));
        match random.below(16) {
            0..=7 => format!("TALLY.INCR {key} f{field} {}", random.between(-9, 9)),
            8..=10 => {
                let count = random.between(1, 12);
                let pairs: Vec<String> = (0..count).map(|_| format!("f{} {}", random.below(12), random.between(-3, 9))).collect();
                format!("TALLY.MINCR {key} {}", pairs.join(" "))
            }
            11 => format!("TALLY.SEAL {key}"),
            12 | 13 => format!("TALLY.ALTER {key} EVERY {} MAXFIELDS {}", random.between(1, 40), random.between(1, 12)),
            14 => format!(
                "EVAL \"redis.call('TALLY.INCR', KEYS[1], 'lua') redis.call('TALLY.MINCR', KEYS[1], 'f{field}', 1, 'lua', 2) redis.call('TALLY.SEAL', KEYS[1]) return redis.call('TALLY.CLAIM', KEYS[1], 'w', 'LEASE', 3)\" 1 {key}"
            ),
            _ => format!("TALLY.MINCR {key} f{field} 9223372036854775807 f{other} 1"),
        }
    };
    Crowd {
        family: "TALLY",
        config: &["--tsgen.tally-every", "10", "--tsgen.tally-max-fields", "9"],
        setup: &[
            "TALLY.CREATE k1",
            "TALLY.CREATE k2 LEASE 10",
            "TALLY.CREATE k3 MAXDELIVERIES 3 LEASE 10",
            "TALLY.CREATE bounded EVERY 30 MAXFIELDS 4 MIN -4 MAX 8 BACKOFF 2 MAXBACKOFF 9 LEASE 5",
            "TALLY.CREATE full EVERY 15 MAXLEN 6 LEASE 5 MAXDELIVERIES 2",
            "TALLY.CREATE piped EVERY 8 MAXFIELDS 3 SINK stream",
        ],
        keys: &["k1", "k2", "k3", "bounded", "full", "piped"],
        own,
    }
    .run();
}
