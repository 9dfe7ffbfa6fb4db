//! A master and its replica, with all keys.

use crate::harness::{aof, wait_until, Client, Clock, Networks, Server, Stop};
use crate::keys::{Key, JOBS, JOB_MS, KEYS};
use crate::link::Link;
use crate::stage::Stage;
use tsgen_history::{Act, Answer, Call, Unit};

/// How the append-only file is synced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sync {
    /// Before each reply.
    Always,
    /// Each second, by another thread; while that is busy the file may be two seconds behind.
    EverySecond,
}

/// What a server does that is not killed in half a transaction may be mended; what does it, tells [`aof`].
pub struct Pair {
    pub master: Server,
    pub replica: Server,
    pub sync: Sync,
    /// Between the two.
    pub link: Link,
    /// How often a crash left half a transaction at the end of the AOF.
    pub halves: usize,
    /// What was added before the clients came.
    pub begun: Vec<Call>,
}

impl Pair {
    /// A master, its replica, and all keys; they are safe from any power cut.
    pub fn start(sync: Sync) -> (Self, Stage) {
        let clock = Clock::new().noting_syncs();
        let args = args(sync);
        let servers = [Server::start_under(&clock, &args), Server::start_under(&clock, &args)];
        Self::of(servers, sync, clock, Self::follow)
    }

    /// The same, each on a network of its own, and with no relay between them.
    pub fn start_in(networks: &Networks, sync: Sync) -> (Self, Stage) {
        let clock = Clock::new().noting_syncs();
        let servers = networks.sides.each_ref().map(|side| Server::start_in(side, &clock, &args(sync)));
        Self::of(servers, sync, clock, |pair| pair.replica.replica_of(&pair.master))
    }

    fn of([master, replica]: [Server; 2], sync: Sync, clock: Clock, follow: impl Fn(&Self)) -> (Self, Stage) {
        let mut pair = Self { master, replica, sync, link: Link::new(), halves: 0, begun: Vec::new() };
        let mut c = pair.master.client();
        pair.begun = begin(clock.now_ms(), |line| drop(c.ok(line)));
        follow(&pair);
        pair.replica.wait_in_sync(&pair.master);
        wait_until("the keys are synced", || aof::is_synced(&pair.master, &clock));
        let stage = Stage::new(clock, pair.master.socket());
        (pair, stage)
    }

    /// The replica has everything that it will have, and its file too.
    pub fn wait_until_replica_stands(&self) {
        let mut c = self.replica.client();
        wait_until("the replica stands", || {
            let is = |c: &mut Client, section: &str, name: &str, value: &str| c.info(section, name) == value;
            is(&mut c, "replication", "master_link_status", "up")
                && is(&mut c, "persistence", "aof_enabled", "1")
                && is(&mut c, "persistence", "aof_rewrite_in_progress", "0")
                && is(&mut c, "persistence", "aof_rewrite_scheduled", "0")
        });
    }

    pub fn swap(&mut self) {
        std::mem::swap(&mut self.master, &mut self.replica);
    }

    /// The replica follows the master, through the link.
    pub fn follow(&self) {
        self.link.lead_to(self.master.port);
        self.replica.client().ok(&format!("REPLICAOF 127.0.0.1 {}", self.link.port));
    }

    /// Starts a server again that was killed. What an administrator would mend first is mended.
    pub fn start_killed(server: &mut Server) -> bool {
        let has_half = aof::cut_half_transaction(server);
        server.start_again();
        has_half
    }

    pub fn restart_killed_replica(&mut self) {
        self.replica.stop(Stop::Kill);
        self.halves += usize::from(Self::start_killed(&mut self.replica));
        self.follow();
    }

    pub fn restart_killed_master(&mut self) {
        self.halves += usize::from(Self::start_killed(&mut self.master));
    }

    pub fn heal(&mut self) {
        self.link.hold(false);
        self.master.client().ok("CONFIG SET maxmemory 0");
        self.wait_until_replica_stands();
    }

    /// What must be so in the end, besides what clients saw.
    pub fn look_back(&mut self) {
        self.master.assert_alive();
        self.replica.assert_alive();
        for server in [&self.master, &self.replica] {
            assert_clean(server);
        }
        let mut c = self.master.client();
        for key in KEYS.iter().filter(|key| !key.create.is_empty()) {
            // Ids that are remembered take their room; everything else comes back after some ticks.
            let most = if key.remember_ms == 0 { 40_000 } else { 1_000_000 };
            wait_until(&format!("{} is small again", key.name), || {
                c.ok(&format!("MEMORY USAGE {}", key.name)).int() <= most
            });
        }
    }
}

/// Options of both servers.
fn args(sync: Sync) -> [&'static str; 6] {
    let how = if sync == Sync::Always { "always" } else { "everysec" };
    ["--appendonly", "yes", "--appendfsync", how, "--repl-timeout", "600"]
}

/// Makes all keys, and the jobs; what is added so is told.
pub fn begin(now: i64, mut run: impl FnMut(&str)) -> Vec<Call> {
    for key in KEYS.iter().filter(|key| !key.create.is_empty()) {
        run(&format!("{}.CREATE {} {}", key.family, key.name, key.create));
    }
    let key = &KEYS[Key::place("jobs")].name;
    // At a time of its period, so that each run tells by its timestamp whether it drifts.
    let due = (now / JOB_MS + 1) * JOB_MS;
    let add = |job: &&str| {
        run(&format!("TSGEN.ADD {key} EVERY {JOB_MS} {due} {job}"));
        let act = Act::Write(vec![Unit { name: (*job).to_owned(), due }]);
        let (key, clock, replicated) = ((*key).to_owned(), (now, now), Some(0));
        Call { client: 0, key, begin: 0, end: 0, clock, act, answer: Answer::Done, replicated }
    };
    JOBS.iter().map(add).collect()
}

/// Nothing that a server has logged tells of a fault.
pub fn assert_clean(server: &Server) {
    const BAD: [&str; 6] =
        ["== CRITICAL ==", "internal error", "DAMAGED", "ASSERTION FAILED", "Guru Meditation", "panicked at"];
    let log = server.log();
    let bad: Vec<_> = log.lines().filter(|line| BAD.iter().any(|word| line.contains(word))).collect();
    assert!(bad.is_empty(), "logged: {bad:#?}");
}
