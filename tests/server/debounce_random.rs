//! Random commands against DEBOUNCE keys while workers are blocked, leases end, groups fire and a sink runs: the data is the
//! same everywhere all the time.

use crate::harness::*;
use std::sync::atomic::{AtomicBool, Ordering};

const KEYS: [&str; 6] = ["k1", "k2", "k3", "bounded", "full", "piped"];
const ROUNDS: usize = 6;
const COMMANDS: usize = 500;

/// A worker as there are many: it waits, takes what it gets, and finishes some of it.
fn work(server: &Server, number: u64, is_over: &AtomicBool) {
    let mut c = server.client();
    let mut random = Random::new(number);
    while !is_over.load(Ordering::Relaxed) {
        let key = random.pick(&KEYS[..5]);
        let lease = random.between(1, 12);
        let reply = c.run(&format!(
            "DEBOUNCE.CLAIM {key} blocked{number} COUNT 3 LEASE {lease} BLOCK {}",
            random.between(5, 60)
        ));
        // RENAME and COPY bring the key with the sink to these names.
        let Reply::Array(entries) = reply else { continue };
        for entry in entries.iter().filter(|_| random.one_in(2)) {
            c.run(&format!("DEBOUNCE.ACK {key} {}", entry.items()[0].int()));
        }
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
}

/// Leases that end while workers are blocked and the AOF is on have killed a server once: what the timer found out was
/// replicated from the reply callback of a client that was not replied to, and Redis asserts that nobody does that.
#[test]
fn thousands_of_random_commands_leave_equal_digests_everywhere() {
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| now_ms() as u64);
    println!("SEED={seed}");
    let mut random = Random::new(seed);
    let mut master = Server::start(&[
        "--appendonly",
        "yes",
        "--appendfsync",
        "no",
        "--tsgen.debounce-idle",
        "10",
        "--tsgen.max-deliveries",
        "3",
    ]);
    // What the replica would do by its own defaults, it must not.
    let (replica, late) = (Server::start(&["--tsgen.debounce-idle", "1", "--tsgen.lease", "1"]), Server::start(&[]));
    replica.replica_of(&master);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let mut c = master.client();
        c.play("> DEBOUNCE.CREATE bounded IDLE 30 MAXWAIT 40 MAXITEMS 4 UNIQUE no BACKOFF 2 MAXBACKOFF 9 LEASE 5\n OK\n > DEBOUNCE.CREATE full IDLE 15 MAXLEN 12 LEASE 5 MAXDELIVERIES 2\n OK\n > DEBOUNCE.CREATE piped IDLE 8 MAXITEMS 3 SINK stream\n OK");
        for number in 0..3 {
            let (master, is_over) = (&master, &is_over);
            scope.spawn(move || work(master, number, is_over));
        }
        // However this ends, the workers are to end too.
        let _ending = Ending(&is_over);
        for round in 0..ROUNDS {
            for _ in 0..COMMANDS {
                let command = random_command(&mut random);
                c.run(&command);
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
    let mut c = master.client();
    // No sink from here on, and nobody is blocked: nothing changes by itself any more.
    let mut appended = 0;
    for db in [1, 0] {
        c.ok(&format!("SELECT {db}"));
        for key in KEYS {
            c.run(&format!("PERSIST {key}"));
            c.run(&format!("DEBOUNCE.ALTER {key} SINK \"\""));
        }
        appended += c.ok("XLEN stream").int();
    }
    same_data(&master, &replica);
    same_data(&master, &late);
    assert_eq!(replica.client().info("tsgen", "tsgen_adopted-tokens").as_str(), "0");
    assert_eq!(c.info("tsgen", "tsgen_caught-panics").as_str(), "0");
    assert!(appended > 20, "the sink has run: {appended}");
    wait_until("no rewrite runs", || {
        c.info("persistence", "aof_rewrite_in_progress") == "0" && c.info("persistence", "aof_rewrite_scheduled") == "0"
    });
    let digest = master.digest_all();
    master.restart(Stop::NoSave);
    assert_eq!(master.digest_all(), digest, "after loading the AOF");
    master.client().ok("DEBUG RELOAD");
    assert_eq!(master.digest_all(), digest, "after loading an RDB");
}

struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn random_command(random: &mut Random) -> String {
    let key = *random.pick(&KEYS);
    let group = random.below(12);
    let token = (now_ms() - random.between(0, 30)) * 1024 + random.between(0, 3);
    let tokens =
        if random.one_in(2) { format!("{token}") } else { format!("{}-{token}", token - random.between(0, 20_000)) };
    match random.below(26) {
        0..=8 => {
            let items: Vec<String> = (0..random.between(1, 6)).map(|_| format!("item{}", random.below(25))).collect();
            format!("DEBOUNCE.PUSH {key} g{group} {}", items.join(" "))
        }
        9 => format!("DEBOUNCE.FLUSH {key} g{group} g{}", random.below(12)),
        10 => format!("DEBOUNCE.FLUSHALL {key} COUNT {}", random.between(1, 4)),
        11 => format!("DEBOUNCE.CANCEL {key} g{group} g{}", random.below(12)),
        12 | 13 => {
            format!("DEBOUNCE.CLAIM {key} w{} COUNT {} LEASE {}", group % 3, random.between(1, 6), random.between(1, 30))
        }
        14 => format!("DEBOUNCE.ACK {key} {tokens}"),
        15 => format!("DEBOUNCE.NACK {key} {tokens} DELAY {}", random.below(20)),
        16 => format!("DEBOUNCE.NACK {key} {tokens} {}", random.pick(&["DEAD", "REASON because", ""])),
        17 => format!("DEBOUNCE.EXTEND {key} {} {tokens}", random.between(1, 30)),
        18 => format!("DEBOUNCE.RELEASE {key} {}", random.pick(&["w0", "w1", "blocked0", "blocked1"])),
        19 => format!("DEBOUNCE.{} {key} ALL COUNT {}", random.pick(&["REQUEUE", "DISCARD"]), random.between(1, 9)),
        20 => format!(
            "DEBOUNCE.ALTER {key} IDLE {} MAXWAIT {} MAXITEMS {} LEASE {}",
            random.between(1, 40),
            random.below(60),
            random.below(7),
            random.between(1, 20)
        ),
        21 => format!("DEBOUNCE.ALTER {key} MAXDELIVERIES {} BACKOFF {}", random.below(4), random.below(5)),
        22 => (*random.pick(&[
            "DEL k1",
            "UNLINK k2",
            "RENAME k1 k2",
            "RENAME k3 k1",
            "COPY k2 k3 REPLACE",
            "COPY piped k3 REPLACE",
            "COPY bounded k1 REPLACE",
            "MOVE k3 1",
            "SWAPDB 0 1",
            "PEXPIRE k2 10",
        ]))
        .to_owned(),
        23 => format!(
            "EVAL \"redis.call('DEBOUNCE.PUSH', KEYS[1], 'g{group}', 'lua') redis.call('DEBOUNCE.FLUSH', KEYS[1], 'g{group}') return redis.call('DEBOUNCE.CLAIM', KEYS[1], 'w', 'LEASE', 3)\" 1 {key}"
        ),
        24 => format!("DEBOUNCE.GROUPS {key} AFTER g{group}"),
        _ => format!("DEBOUNCE.INFO {key}"),
    }
}
