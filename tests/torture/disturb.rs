//! What is done to the servers, and what that may take back.

use crate::harness::{aof, doing, wait_until, Random, Stop};
use crate::keys::{Key, KEYS};
use crate::pair::{Pair, Sync};
use crate::stage::Stage;
use std::time::Duration;
use tsgen_history::{Act, Answer, Call, Kept, Loss};

/// For how long `everysec` answers without writing, in microseconds: two seconds, while a sync takes its time, and what a busy machine adds.
pub const HELD_BACK_US: u64 = 3_000_000;

pub struct Disturber<'a> {
    stage: &'a Stage,
    random: Random,
    /// Which key was paused, from when until when.
    pub pauses: Vec<(&'static str, u64, u64)>,
    /// What was removed behind the clients' backs.
    pub evicted: Vec<Call>,
    /// From when until when keys were evicted.
    pub squeezes: Vec<(u64, u64)>,
}

impl<'a> Disturber<'a> {
    pub fn new(stage: &'a Stage, seed: u64) -> Self {
        Disturber { stage, random: Random::new(seed), pauses: Vec::new(), evicted: Vec::new(), squeezes: Vec::new() }
    }

    fn pause(&mut self, most_ms: u64) {
        std::thread::sleep(Duration::from_millis(self.random.below(most_ms)));
    }

    /// Lets clients work for a moment, then does one thing. Tells what that may have taken back, if anything.
    pub fn disturb(&mut self, pair: &mut Pair) -> Option<Loss> {
        self.pause(300);
        let which = self.random.below(24);
        let _at = doing(format!("disturbance {which}"));
        match which {
            0 | 1 => return Some(self.kill(pair, false)),
            2 | 3 => return Some(self.kill(pair, true)),
            4 => return Some(self.promote(pair, false)),
            5 => return Some(self.promote(pair, true)),
            6 => self.hand_over(pair),
            7 => pair.restart_killed_replica(),
            8 => {
                let server = if self.random.one_in(2) { &pair.master } else { &pair.replica };
                server.signal("STOP");
                self.pause(300);
                server.signal("CONT");
            }
            9 => self.rewrite(pair),
            10 => drop(pair.master.client().run("BGSAVE")),
            11 | 12 => self.squeeze(pair),
            13 | 14 => {
                let ms = self.random.between(-3_000, 3_000);
                self.stage.set(|clock| clock.step(ms));
            }
            15 => {
                let ms = self.random.between(1, 2_000);
                self.stage.set(|clock| clock.pass(ms));
            }
            16 => drop(pair.master.client().ok("CLIENT PAUSE 80 WRITE")),
            17 => self.shut_down(pair),
            18 => pair.link.cut(),
            19 => {
                pair.link.hold(true);
                self.pause(400);
                pair.link.hold(false);
            }
            20 => drop(pair.master.client().ok("CLIENT KILL TYPE normal")),
            // The power goes while one part of the file is closed and the next begun.
            21 => {
                self.rewrite(pair);
                self.pause(20);
                return Some(self.kill(pair, true));
            }
            _ => self.pause_a_key(pair),
        }
        None
    }

    /// With a preamble or without.
    fn rewrite(&mut self, pair: &Pair) {
        let mut c = pair.master.client();
        c.ok(&format!("CONFIG SET aof-use-rdb-preamble {}", if self.random.one_in(3) { "no" } else { "yes" }));
        drop(c.run("BGREWRITEAOF"));
    }

    /// Writes are refused; or what has a TTL is evicted, which a limit has, too.
    fn squeeze(&mut self, pair: &Pair) {
        let mut c = pair.master.client();
        let evicts = self.random.one_in(2);
        let from = self.stage.now();
        c.ok(&format!("CONFIG SET maxmemory-policy {}", if evicts { "volatile-ttl" } else { "noeviction" }));
        c.ok("CONFIG SET maxmemory 1");
        self.pause(60);
        c.ok("CONFIG SET maxmemory 0");
        if evicts {
            self.squeezes.push((from, self.stage.now()));
            let (name, now) = (KEYS[Key::place("door")].name.to_owned(), self.stage.time_of_day());
            self.evicted.push(Call {
                client: 0,
                key: name.clone(),
                begin: from,
                end: self.stage.now(),
                clock: (now, now),
                act: Act::Remove(vec![name]),
                answer: Answer::Unclear,
                replicated: None,
            });
        }
    }

    /// kill -9 and a restart; with a power cut the file ends where it was last synced.
    fn kill(&mut self, pair: &mut Pair, has_power_cut: bool) -> Loss {
        let at = self.stage.now();
        pair.master.stop(Stop::Kill);
        let mut kept = Kept::Answered;
        if pair.sync == Sync::EverySecond {
            kept = Kept::Before(at.saturating_sub(HELD_BACK_US));
        }
        if has_power_cut {
            let clock = self.stage.clock.read().expect("a clock");
            if pair.sync == Sync::EverySecond {
                // A disk that stalls syncs later, whatever the second.
                let since = aof::since_sync(&pair.master, &clock).map_or(0, |since| since.as_micros() as u64);
                kept = Kept::Before(at.saturating_sub(HELD_BACK_US + since));
            }
            aof::cut_power(&pair.master, &clock);
        }
        pair.restart_killed_master();
        Loss { at, until: self.stage.now(), kept }
    }

    /// The replica takes over with what it has, because the master was killed, or by order.
    fn promote(&mut self, pair: &mut Pair, is_killed: bool) -> Loss {
        pair.wait_until_replica_stands();
        let at = self.stage.now();
        if is_killed {
            pair.master.stop(Stop::Kill);
        }
        pair.replica.client().ok("REPLICAOF NO ONE");
        self.stage.set_master(pair.replica.socket());
        if is_killed {
            pair.restart_killed_master();
        }
        pair.swap();
        pair.follow();
        Loss { at, until: self.stage.now(), kept: Kept::Replicated }
    }

    /// FAILOVER: the master waits for the replica. That takes nothing back.
    fn hand_over(&mut self, pair: &mut Pair) {
        pair.wait_until_replica_stands();
        let mut c = pair.master.client();
        if c.run(&format!("FAILOVER TO 127.0.0.1 {} TIMEOUT 5000", pair.replica.port)).is_error() {
            return;
        }
        wait_until("the failover is over", || c.info("replication", "master_failover_state") == "no-failover");
        if c.info("replication", "role") == "slave" {
            self.stage.set_master(pair.replica.socket());
            pair.swap();
            pair.follow();
        }
    }

    /// SHUTDOWN, which writes the file to its end, and a restart. That takes nothing back.
    fn shut_down(&mut self, pair: &mut Pair) {
        pair.wait_until_replica_stands();
        pair.master.restart(Stop::NoSave);
    }

    fn pause_a_key(&mut self, pair: &mut Pair) {
        let key = self.random.pick(&KEYS);
        if key.create.is_empty() {
            return;
        }
        let mut c = pair.master.client();
        let alter = |paused: &str| format!("{}.ALTER {} PAUSED {paused}", key.family, key.name);
        c.ok(&alter("yes"));
        let from = self.stage.now();
        self.pause(60);
        self.pauses.push((key.name, from, self.stage.now()));
        c.ok(&alter("no"));
    }
}
