//! A hostile mix against a model: for every deadline that passed exactly one entry, for every key removed in time none.

use super::*;
use crate::harness::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const NAMES: u64 = 200;
const SECONDS: u64 = 8;
/// What happens so close to a deadline may have happened before or after it.
const CLOSE_MS: i64 = 5;

/// What is known of one name.
#[derive(Default)]
struct Known {
    /// Its value and the end of its life, if it is there.
    lives: Option<(String, Option<i64>)>,
    /// Something happened too close to a deadline to tell what should come of it; until it has been deleted safely.
    doubtful: bool,
    /// Deadlines that passed, with the values then.
    due: BTreeMap<i64, String>,
    /// Deadlines of which an entry may or may not come.
    unsure: Vec<i64>,
    /// Times in which a life may have begun and ended unseen, because a step took longer than it.
    blind: Vec<(i64, i64)>,
}

impl Known {
    /// What has happened by itself up to now. False: nothing can be said now, leave this name alone.
    fn settle(&mut self, now: i64) -> bool {
        let Some((value, Some(end))) = &self.lives else { return true };
        if (now - *end).abs() <= CLOSE_MS {
            return false;
        }
        if now > *end {
            self.due.insert(*end, value.clone());
            self.lives = None;
        }
        true
    }
}

struct Run {
    c: Client,
    random: Random,
    known: Vec<Known>,
    operations: usize,
}

impl Run {
    /// Runs one command on some names. If it ended close to one of their deadlines or behind it, be it that this thread was held up since they
    /// were settled, all bets on these are off.
    fn command(&mut self, line: &str, names: &[usize]) -> (Reply, bool) {
        let reply = self.c.run(line);
        let after = now_ms();
        self.operations += 1;
        let mut safe = true;
        for &name in names {
            if let Some((_, Some(end))) = self.known[name].lives {
                safe &= after + CLOSE_MS < end;
            }
        }
        if !safe {
            for &name in names {
                let known = &mut self.known[name];
                known.unsure.extend(known.lives.as_ref().and_then(|(_, end)| *end));
                known.doubtful = true;
            }
        }
        (reply, safe)
    }

    fn end_of(&mut self, name: usize) -> Option<i64> {
        let end = self.c.ok(&format!("PEXPIRETIME k:{name}")).int();
        (end > 0).then_some(end)
    }

    /// After a doubtful operation, begun at `since`: asks the server how things are, and notes every deadline as unsure.
    fn recover(&mut self, name: usize, since: i64) {
        let known = &mut self.known[name];
        known.unsure.extend(known.lives.take().and_then(|(_, end)| end));
        if let Some(end) = self.end_of(name) {
            self.known[name].unsure.push(end);
        }
        let reply = self.c.ok(&format!("GET k:{name}"));
        if reply != Reply::Nil {
            let end = self.end_of(name);
            let known = &mut self.known[name];
            known.unsure.extend(end);
            known.lives = Some((reply.text(), end));
        }
        self.known[name].doubtful = false;
        self.known[name].blind.push((since, now_ms()));
    }

    fn step(&mut self, serial: usize) {
        let name = self.random.below(NAMES) as usize;
        let other = self.random.below(NAMES) as usize;
        let now = now_ms();
        if name == other || !self.known[name].settle(now) || !self.known[other].settle(now) {
            return;
        }
        let ttl = self.random.between(20, 300);
        let value = format!("v{serial}");
        let lives = self.known[name].lives.is_some();
        let (safe, after) = match self.random.below(14) {
            0..=4 => {
                let line = match self.random.below(4) {
                    0 => format!("SET k:{name} {value} PX {ttl}"),
                    1 => format!("PSETEX k:{name} {ttl} {value}"),
                    2 => format!("EVAL \"redis.call('SET', KEYS[1], ARGV[1]) redis.call('PEXPIRE', KEYS[1], ARGV[2])\" 1 k:{name} {value} {ttl}"),
                    _ => format!("SET k:{name} {value} PXAT {}", now + ttl),
                };
                let (_, safe) = self.command(&line, &[name]);
                let end = self.end_of(name);
                (safe && end.is_some(), Some((value, end)))
            }
            5 | 6 if lives => {
                let (_, safe) = self.command(&format!("PEXPIRE k:{name} {ttl}"), &[name]);
                let end = self.end_of(name);
                let value = self.known[name].lives.as_ref().map(|(value, _)| value.clone()).unwrap_or_default();
                (safe && end.is_some(), Some((value, end)))
            }
            7 | 8 => {
                let verb = *self.random.pick(&["DEL", "UNLINK", "GETDEL"]);
                (self.command(&format!("{verb} k:{name}"), &[name]).1, None)
            }
            9 if lives => {
                let (_, safe) = self.command(&format!("PERSIST k:{name}"), &[name]);
                let value = self.known[name].lives.as_ref().map(|(value, _)| value.clone()).unwrap_or_default();
                (safe, Some((value, None)))
            }
            10 => (self.command(&format!("SET k:{name} {value}"), &[name]).1, Some((value, None))),
            11 if lives => {
                let (_, safe) = self.command(&format!("APPEND k:{name} +"), &[name]);
                let (value, end) = self.known[name].lives.clone().unwrap_or_default();
                // The copy is made up to 2 ms and a tick before the end.
                (safe && end.is_none_or(|end| end > now_ms() + 20), Some((value + "+", end)))
            }
            12 | 13 if lives => {
                let (_, safe) = self.command(&format!("RENAME k:{name} k:{other}"), &[name, other]);
                let moved = self.known[name].lives.clone();
                if safe {
                    self.known[other].lives = moved;
                } else {
                    self.recover(other, now);
                }
                (safe, None)
            }
            _ => return,
        };
        self.known[name].lives = if safe { after } else { self.known[name].lives.take() };
        if !safe {
            self.recover(name, now);
        }
    }
}

/// Entries by key and deadline: the value, and whether it came before the deadline.
type Delivered = BTreeMap<(String, i64), Vec<(Option<Vec<u8>>, bool)>>;

/// Claims, gives back some, acknowledges in the end; what was delivered, by key and deadline, with values.
fn work(server: &Server, is_over: &AtomicBool) -> Delivered {
    let mut c = server.client();
    let mut random = Random::new(7);
    let mut seen = Delivered::new();
    loop {
        let ending = is_over.load(Ordering::Relaxed);
        let reply = c.ok("EXPIRY.CLAIM w worker COUNT 10 LEASE 60000 BLOCK 30");
        if reply.items().is_empty() && ending {
            return seen;
        }
        for item in reply.items() {
            let entry = Entry::of(item);
            // A token that is handed back comes again; it is the same entry.
            if random.one_in(8) {
                c.ok(&format!("EXPIRY.NACK w {} DELAY 1", entry.token));
                continue;
            }
            c.ok(&format!("EXPIRY.ACK w {}", entry.token));
            // In its last millisecond newer servers delete it already, if they come across it.
            let early = now_ms() < entry.deadline;
            seen.entry((entry.key, entry.deadline)).or_default().push((entry.value, early));
        }
    }
}

struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn every_deadline_that_passed_is_delivered_once_and_none_that_did_not() {
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| now_ms() as u64);
    println!("SEED={seed}");
    let mut master = Server::start(&["--appendonly", "yes", "--appendfsync", "no"]);
    let replica = Server::start(&[]);
    replica.replica_of(&master);
    master.client().ok("EXPIRY.CREATE w PREFIX k: MAXDELIVERIES 0");
    let is_over = AtomicBool::new(false);
    let mut run = Run {
        c: master.client(),
        random: Random::new(seed),
        known: (0..NAMES).map(|_| Known::default()).collect(),
        operations: 0,
    };
    let seen = scope(|scope| {
        let worker = scope.spawn(|| work(&master, &is_over));
        let ending = Ending(&is_over);
        let end = Instant::now() + Duration::from_secs(SECONDS);
        let mut serial = 0;
        while Instant::now() < end {
            serial += 1;
            run.step(serial);
            if serial % 40_000 == 0 {
                run.c.run(if serial % 80_000 == 0 { "BGREWRITEAOF" } else { "CLIENT KILL TYPE replica SKIPME yes" });
            }
            if serial % 4 == 0 {
                std::thread::yield_now();
            }
        }
        // Nothing ends by itself any more once the last key has.
        wait_until("all lives are over", || {
            let now = now_ms();
            run.known.iter_mut().all(|known| known.settle(now) && !matches!(known.lives, Some((_, Some(_)))))
        });
        wait_until("nothing is left to deliver", || expiries(&mut run.c, "w") == [0; 5]);
        drop(ending);
        worker.join().expect("the worker")
    });
    let (mut missing, mut wrong, mut passed) = (Vec::new(), Vec::new(), 0);
    let mut rest = seen.clone();
    for (name, known) in run.known.iter().enumerate() {
        for (end, value) in &known.due {
            passed += 1;
            let entries = rest.remove(&(format!("k:{name}"), *end)).unwrap_or_default();
            match &entries[..] {
                _ if known.unsure.contains(end) => {}
                [(Some(got), false)] if got == value.as_bytes() => {}
                [] => missing.push((name, *end, value)),
                other => wrong.push((name, *end, value, other.to_vec())),
            }
        }
        for end in &known.unsure {
            rest.remove(&(format!("k:{name}"), *end));
        }
        let unseen = |end: i64| known.blind.iter().any(|(since, until)| (*since..=*until).contains(&end));
        rest.retain(|(of, end), _| *of != format!("k:{name}") || !unseen(*end));
    }
    println!(
        "{} operations, {passed} deadlines, {} entries, {} doubtful",
        run.operations,
        seen.len(),
        run.known.iter().map(|k| k.unsure.len()).sum::<usize>()
    );
    assert!(passed > 500, "only {passed} deadlines passed");
    assert!(
        missing.is_empty(),
        "SEED={seed}: {} never delivered: {:?}",
        missing.len(),
        &missing[..missing.len().min(5)]
    );
    assert!(
        rest.is_empty(),
        "SEED={seed}: {} that should not be: {:?}",
        rest.len(),
        rest.iter().take(5).collect::<Vec<_>>()
    );
    // A server that was held up over a deadline has the value as it was some milliseconds before (nothing was appended to it yet), or none.
    let is_from_before =
        |value: &str, got: &Option<Vec<u8>>| got.as_ref().is_none_or(|got| value.as_bytes().starts_with(got));
    let held_up = |(.., value, entries): &&(usize, i64, &String, Vec<_>)| match &entries[..] {
        [(got, false)] => is_from_before(value, got),
        _ => false,
    };
    let stale = wrong.iter().filter(held_up).count();
    assert!(wrong.len() == stale, "SEED={seed}: {} wrong: {:?}", wrong.len(), &wrong[..wrong.len().min(5)]);
    assert!(stale * 100 <= passed, "SEED={seed}: {stale} of {passed} without the last value");
    same_data(&master, &replica);
    assert_eq!(tracked(&mut replica.client(), "w"), tracked(&mut run.c, "w"));
    let digest = master.digest_all();
    master.restart(Stop::NoSave);
    assert_eq!(master.digest_all(), digest, "after loading the AOF");
    // What loading found overdue is decided in the ticks that follow, and none of it is delivered again.
    wait_until("nothing is tracked", || expiries(&mut master.client(), "w") == [0; 5]);
}
