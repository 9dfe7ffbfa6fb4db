//! A real server beside the engine as its oracle: random commands at made-up times, on a clock that also steps back, through reloads,
//! restarts and a replica. Every reply is foretold. That the engine does what a list and a loop would is a test of its own.

use crate::common::virtual_clock;
use crate::harness::*;
use tsgen_engine::{
    batch_number, Batch, ClaimTerms, DeliveryOptions, Error, Millis, Nack, Tally, TokenRange, UnixMs, Which,
    WindowRules,
};

const FIELDS: u64 = 8;
const STEPS: usize = 2_000;
/// How many REQUEUE and DISCARD take without COUNT.
const ALL: Which<'_> = Which::All(1_000);

struct World {
    oracle: Tally,
    random: Random,
    now: UnixMs,
    c: Client,
    /// All tokens that were handed out, current or not.
    tokens: Vec<u64>,
    /// Increments that were refused.
    refused: usize,
}

/// A reply of the engine as the server sends it.
fn told<T>(result: Result<T, Error>, shown: impl FnOnce(T) -> String) -> String {
    result.map_or_else(|error| format!("-{} {error}", error.code()), shown)
}

impl World {
    #[track_caller]
    fn at(&mut self, command: &str, expected: &str) {
        let line = format!("TSGEN.AT {} TALLY.{command}", self.now.0);
        assert_eq!(self.c.run(&line).to_string(), expected, "{line}");
    }

    fn pairs(&mut self) -> Vec<(String, i64)> {
        let count = if self.random.one_in(3) { self.random.between(2, 15) } else { 1 };
        let huge = [i64::MAX, i64::MIN, i64::MAX - 5];
        (0..count)
            .map(|_| {
                let delta = if self.random.one_in(40) { *self.random.pick(&huge) } else { self.random.between(-9, 9) };
                (format!("f{}", self.random.below(FIELDS)), delta)
            })
            .collect()
    }

    #[track_caller]
    fn increment(&mut self) {
        let pairs = self.pairs();
        let increments: Vec<_> = pairs.iter().map(|(field, delta)| (field.as_bytes(), *delta)).collect();
        let outcome = self.oracle.mincr(&increments, self.now);
        self.refused += usize::from(outcome.is_err());
        let is_single = pairs.len() == 1;
        let expected = told(outcome, |done| {
            let sums: Vec<String> = done.sum.iter().map(i64::to_string).collect();
            if is_single {
                sums[0].clone()
            } else {
                format!("[{}]", sums.join(" "))
            }
        });
        let arguments: Vec<String> = pairs.iter().map(|(field, delta)| format!("{field} {delta}")).collect();
        self.at(&format!("{} k {}", if is_single { "INCR" } else { "MINCR" }, arguments.join(" ")), &expected);
    }

    #[track_caller]
    fn claim(&mut self) {
        let (count, lease) = (self.random.between(1, 4) as usize, self.random.between(1, 120) as u64);
        let terms = ClaimTerms { consumer: b"w", count, lease: Millis(lease), first: None };
        let claim = self.oracle.claim(&terms, self.now).expect("no sink");
        let entries: Vec<String> = self
            .oracle
            .delivered(&claim)
            .map(|entry| {
                let batch = Batch::of(entry.body);
                let sum = |(field, sum): (&[u8], i64)| format!("'{}' {sum}", String::from_utf8_lossy(field));
                let sums: Vec<String> = batch.sums().map(sum).collect();
                let number = batch_number(entry.name).expect("the name of a batch");
                let (opened_at, sealed_at) = (batch.opened_at.0, entry.key);
                let (token, deliveries) = (entry.token, entry.deliveries);
                format!("[{token} {deliveries} {number} {opened_at} {sealed_at} [{}]]", sums.join(" "))
            })
            .collect();
        self.tokens.extend(claim.first..claim.first + claim.count as u64);
        self.at(&format!("CLAIM k w COUNT {count} LEASE {lease}"), &format!("[{}]", entries.join(" ")));
    }

    /// Mostly by a token of the last deliveries, which is often current.
    #[track_caller]
    fn settle(&mut self) {
        let lately = if self.random.one_in(5) { self.tokens.len() } else { self.tokens.len().min(6) };
        if lately == 0 {
            return;
        }
        let token = *self.random.pick(&self.tokens[self.tokens.len() - lately..]);
        let (one, now) = ([TokenRange::one(token)], self.now);
        let delayed = Nack { delay: Some(Millis(40)), dead: false, reason: b"" };
        let (settled, command) = match self.random.below(5) {
            0 => (self.oracle.nack(&one, &delayed, now), format!("NACK k {token} DELAY 40")),
            1 => (self.oracle.nack(&one, &Nack { dead: true, ..delayed }, now), format!("NACK k {token} DEAD")),
            2 => (self.oracle.extend(&one, Millis(70), now), format!("EXTEND k 70 {token}")),
            _ => (self.oracle.ack(&one, now), format!("ACK k {token}")),
        };
        self.at(&command, &told(settled, |settled| settled.count.to_string()));
    }

    #[track_caller]
    fn dead_letters(&mut self) {
        let (settled, command) = if self.random.one_in(3) {
            (self.oracle.discard(ALL, self.now), "DISCARD k ALL")
        } else {
            (self.oracle.requeue(ALL, self.now), "REQUEUE k ALL")
        };
        self.at(command, &told(settled, |settled| settled.count.to_string()));
    }

    #[track_caller]
    fn alter(&mut self) {
        let (every, max_fields) = (self.random.between(1, 150) as u64, self.random.between(1, 9) as u64);
        let rules = WindowRules { every: Millis(every), max_fields, ..*self.oracle.rules() };
        self.oracle.alter_rules(rules).expect("in range");
        self.at(&format!("ALTER k EVERY {every} MAXFIELDS {max_fields}"), "OK");
    }

    #[track_caller]
    fn look(&mut self) {
        let field = format!("f{}", self.random.below(FIELDS));
        let sum = self.oracle.sum(field.as_bytes());
        self.at(&format!("GET k {field}"), &told(sum, |sum| sum.to_string()));
        let stats = self.oracle.stats(self.now);
        let states = ["collecting", "ready", "leased", "delayed", "dead"];
        let counts = [stats.waiting, stats.ready, stats.leased, stats.delayed, stats.dead];
        let info = self.c.ok(&format!("TSGEN.AT {} TALLY.INFO k", self.now.0));
        assert_eq!(states.map(|state| info.field(state).int()), counts.map(|count| count as i64), "{info}");
    }

    #[track_caller]
    fn step(&mut self) {
        match self.random.below(30) {
            0..=11 => self.increment(),
            12..=14 => self.claim(),
            15..=19 => self.settle(),
            20 => {
                let fields = self.oracle.seal(self.now).count;
                self.at("SEAL k", &fields.to_string());
            }
            21 => self.dead_letters(),
            22 => self.alter(),
            23..=25 => self.look(),
            26 if self.random.one_in(8) => self.now.0 -= self.random.between(1, 200),
            _ => self.now.0 += self.random.between(0, 60),
        }
    }
}

#[test]
fn a_server_does_what_the_engine_says() {
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| now_ms() as u64);
    println!("SEED={seed}");
    let mut server = Server::start(&["--tsgen.virtual-clock", "yes", "--appendonly", "yes", "--appendfsync", "always"]);
    let replica = virtual_clock();
    replica.replica_of(&server);
    let rules = WindowRules { every: Millis(100), max_fields: 5, ..WindowRules::default() };
    let options = DeliveryOptions { max_len: 12, max_deliveries: 3, ..DeliveryOptions::default() };
    let oracle = Tally::create(rules, options, [1, 2]).expect("in range");
    let (random, now, c) = (Random::new(seed), UnixMs(1_000_000), server.client());
    let mut world = World { oracle, random, now, c, tokens: Vec::new(), refused: 0 };
    world.at("CREATE k EVERY 100 MAXFIELDS 5 MAXLEN 12 MAXDELIVERIES 3", "OK");
    for step in 0..STEPS {
        world.step();
        match step % 500 {
            150 => drop(world.c.ok("DEBUG RELOAD")),
            300 => {
                let dump = world.c.ok("DUMP k");
                world.c.ok("DEL k");
                assert_eq!(crate::cmd!(world.c, "RESTORE", "k", 0, dump.bytes()), "OK");
            }
            450 => {
                same_data(&server, &replica);
                server.restart(Stop::Kill);
                world.c = server.client();
            }
            _ => {}
        }
    }
    same_data(&server, &replica);
    // It was about something.
    let info = world.c.ok("TALLY.INFO k");
    let totals = ["delivered", "redelivered", "acked", "died"].map(|name| info.field(name).int());
    println!("{totals:?} and {} refusals", world.refused);
    assert!(
        totals.iter().zip([100, 20, 25, 10]).all(|(total, least)| *total >= least) && world.refused > 20,
        "{totals:?}"
    );
}
