//! What is done to the servers, and what that may take back.

use crate::harness::{wait_until, Client, Clock, Random, Server, Stop};
use crate::keys::KEYS;
use crate::stage::Stage;
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::Duration;
use tsgen_history::{Kept, Loss};

/// How the append-only file is synced.
#[derive(Clone, Copy, PartialEq)]
pub enum Sync {
    /// Before each reply.
    Always,
    /// Each second, by another thread; while that is busy the file may be two seconds behind.
    EverySecond,
}

/// What `everysec` may lose, in microseconds: two seconds, and what a busy machine adds.
const WINDOW_US: u64 = 3_000_000;

pub struct Pair {
    pub master: Server,
    pub replica: Server,
    sync: Sync,
}

impl Pair {
    /// A master, its replica, and all keys; they are safe from any power cut.
    pub fn start(sync: Sync) -> (Self, Stage) {
        let clock = Clock::new().noting_syncs();
        let how = if sync == Sync::Always { "always" } else { "everysec" };
        let args = ["--appendonly", "yes", "--appendfsync", how, "--repl-timeout", "600"];
        let pair =
            Self { master: Server::start_under(&clock, &args), replica: Server::start_under(&clock, &args), sync };
        let mut c = pair.master.client();
        for key in &KEYS {
            c.ok(&format!("{}.CREATE {} {}", key.family, key.name, key.create));
        }
        pair.replica.replica_of(&pair.master);
        wait_until("the keys are synced", || {
            let path = last_increment(&pair.master);
            clock.synced_length(&path) == fs::metadata(&path).expect("the file").len()
        });
        let stage = Stage::new(clock, pair.master.socket());
        (pair, stage)
    }

    /// The replica has everything that it will have, and its file too.
    fn wait_until_replica_stands(&self) {
        let mut c = self.replica.client();
        wait_until("the replica stands", || {
            let is = |c: &mut Client, section: &str, name: &str, value: &str| c.info(section, name) == value;
            is(&mut c, "replication", "master_link_status", "up")
                && is(&mut c, "persistence", "aof_enabled", "1")
                && is(&mut c, "persistence", "aof_rewrite_in_progress", "0")
                && is(&mut c, "persistence", "aof_rewrite_scheduled", "0")
        });
    }

    fn swap(&mut self) {
        std::mem::swap(&mut self.master, &mut self.replica);
    }

    fn follow(&self) {
        self.replica.client().ok(&format!("REPLICAOF 127.0.0.1 {}", self.master.port));
    }

    pub fn heal(&mut self) {
        self.master.client().ok("CONFIG SET maxmemory 0");
        self.wait_until_replica_stands();
    }

    /// What must be so in the end, besides what clients saw.
    pub fn look_back(&mut self) {
        self.master.assert_alive();
        self.replica.assert_alive();
        for server in [&self.master, &self.replica] {
            let log = server.log();
            let is_bad = |line: &&str| {
                line.contains("== CRITICAL ==") || line.contains("internal error") || line.contains("DAMAGED")
            };
            let bad: Vec<_> = log.lines().filter(is_bad).collect();
            assert!(bad.is_empty(), "logged: {bad:#?}");
        }
        let mut c = self.master.client();
        for key in &KEYS {
            // Ids that are remembered take their room; everything else comes back after some ticks.
            let most = if key.remember_ms == 0 { 40_000 } else { 1_000_000 };
            wait_until(&format!("{} is small again", key.name), || {
                c.ok(&format!("MEMORY USAGE {}", key.name)).int() <= most
            });
        }
    }
}

/// The file that is being appended to.
fn last_increment(server: &Server) -> PathBuf {
    let folder = server.folder().join("appendonlydir");
    let manifest = fs::read_to_string(folder.join("appendonly.aof.manifest")).expect("the manifest of the AOF");
    let last = manifest.lines().rfind(|line| line.contains(" type i")).expect("an increment");
    folder.join(last.split(' ').nth(1).expect("its name"))
}

pub struct Disturber<'a> {
    stage: &'a Stage,
    random: Random,
}

impl<'a> Disturber<'a> {
    pub fn new(stage: &'a Stage, seed: u64) -> Self {
        Disturber { stage, random: Random::new(seed) }
    }

    fn pause(&mut self, most_ms: u64) {
        std::thread::sleep(Duration::from_millis(self.random.below(most_ms)));
    }

    /// Lets clients work for a moment, then does one thing. Tells what that may have taken back, if anything.
    pub fn disturb(&mut self, pair: &mut Pair) -> Option<Loss> {
        self.pause(300);
        match self.random.below(16) {
            0 | 1 => return Some(self.kill(pair, false)),
            2 | 3 => return Some(self.kill(pair, true)),
            4 => return Some(self.promote(pair, false)),
            5 => return Some(self.promote(pair, true)),
            6 => self.hand_over(pair),
            7 => {
                pair.replica.restart(Stop::Kill);
                pair.follow();
            }
            8 => {
                let server = if self.random.one_in(2) { &pair.master } else { &pair.replica };
                server.signal("STOP");
                self.pause(300);
                server.signal("CONT");
            }
            9 => drop(pair.master.client().run("BGREWRITEAOF")),
            10 => drop(pair.master.client().run("BGSAVE")),
            11 => {
                let mut c = pair.master.client();
                c.ok("CONFIG SET maxmemory 1");
                self.pause(60);
                c.ok("CONFIG SET maxmemory 0");
            }
            12 => {
                let ms = self.random.between(-3_000, 3_000);
                self.stage.set(|clock| clock.step(ms));
            }
            13 => {
                let ms = self.random.between(1, 2_000);
                self.stage.set(|clock| clock.pass(ms));
            }
            14 => drop(pair.master.client().ok("CLIENT PAUSE 80 WRITE")),
            _ => self.pause_a_key(pair),
        }
        None
    }

    /// kill -9 and a restart; with a power cut the file ends where it was last synced.
    fn kill(&mut self, pair: &mut Pair, has_power_cut: bool) -> Loss {
        let at = self.stage.now();
        pair.master.stop(Stop::Kill);
        if has_power_cut {
            self.cut(&pair.master);
        }
        pair.master.start_again();
        let kept = match pair.sync {
            Sync::Always => Kept::Answered,
            Sync::EverySecond => Kept::Before(at.saturating_sub(WINDOW_US)),
        };
        Loss { at, until: self.stage.now(), kept }
    }

    fn cut(&self, server: &Server) {
        let path = last_increment(server);
        let clock = self.stage.clock.read().expect("a clock");
        let (synced, written) = (clock.synced_length(&path), fs::metadata(&path).expect("the file").len());
        // A longer one is of a file that had this inode before.
        let left = if synced <= written { synced } else { 0 };
        File::options().write(true).open(&path).and_then(|file| file.set_len(left)).expect("cut the file");
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
            pair.master.start_again();
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
        }
    }

    fn pause_a_key(&mut self, pair: &mut Pair) {
        let key = self.random.pick(&KEYS);
        let mut c = pair.master.client();
        let alter = |paused: &str| format!("{}.ALTER {} PAUSED {paused}", key.family, key.name);
        c.ok(&alter("yes"));
        self.pause(60);
        c.ok(&alter("no"));
    }
}
