//! A real server against a naive model: random commands at made-up times, on a clock that also steps back, through reloads,
//! restarts and a replica. Every reply is foretold.

use crate::common::virtual_clock;
use crate::harness::*;
use std::collections::BTreeMap;

const FIELDS: u64 = 8;
const STEPS: usize = 2_000;

/// A window that is open: when it opened, when it ends, and its sums.
type Open = (i64, i64, BTreeMap<String, i64>);

#[derive(Clone, PartialEq, Debug)]
enum State {
    Ready,
    Leased { until: i64, token: i64 },
    Delayed { until: i64 },
    Dead,
}

#[derive(Clone)]
struct Sealed {
    number: i64,
    opened_at: i64,
    sealed_at: i64,
    sums: BTreeMap<String, i64>,
    deliveries: i64,
    state: State,
}

/// TALLY as one would write it down: lists, and loops over them.
#[derive(Clone)]
struct Model {
    every: i64,
    max_fields: usize,
    max_len: usize,
    max_deliveries: i64,
    open: Option<Open>,
    batches: Vec<Sealed>,
    last_number: i64,
    last_token: i64,
}

impl Model {
    fn seal(&mut self, at: i64, now: i64) {
        let Some((opened_at, _, sums)) = self.open.take() else { return };
        self.last_number = (self.last_number + 1).max(now * 1024);
        let number = self.last_number;
        // It was opened before the clock was set back.
        let opened_at = opened_at.min(at);
        self.batches.push(Sealed { number, opened_at, sealed_at: at, sums, deliveries: 0, state: State::Ready });
    }

    /// The window whose time is over ends, as of its end.
    fn end_window(&mut self, now: i64) {
        if let Some((_, ends_at, _)) = self.open {
            if ends_at <= now {
                self.seal(ends_at, now);
            }
        }
    }

    /// Everything that time has ended.
    fn sweep(&mut self, now: i64) {
        self.end_window(now);
        for batch in &mut self.batches {
            match batch.state {
                State::Leased { until, .. } if until <= now => {
                    let is_last = self.max_deliveries > 0 && batch.deliveries >= self.max_deliveries;
                    batch.state = if is_last { State::Dead } else { State::Ready };
                }
                State::Delayed { until } if until <= now => batch.state = State::Ready,
                _ => {}
            }
        }
    }

    fn mincr(&mut self, increments: &[(String, i64)], now: i64) -> Result<Vec<i64>, &'static str> {
        let mut after = self.clone();
        let mut sums = Vec::new();
        for (field, delta) in increments {
            after.end_window(now);
            if after.open.is_none() {
                after.open = Some((now, now + after.every, BTreeMap::new()));
            }
            let Some((opened_at, ends_at, window)) = &mut after.open else { unreachable!("it was made") };
            if *opened_at > now {
                // The clock was set back behind its beginning: it begins anew.
                (*opened_at, *ends_at) = (now, now + after.every);
            }
            let is_new = !window.contains_key(field);
            let sum = window.entry(field.clone()).or_insert(0);
            *sum = sum.checked_add(*delta).ok_or("overflow")?;
            sums.push(*sum);
            if is_new && window.len() >= after.max_fields {
                after.seal(now, now);
            }
        }
        let windows = |model: &Model| model.batches.len() + usize::from(model.open.is_some());
        if self.max_len > 0 && windows(&after) > windows(self) && windows(&after) > self.max_len {
            return Err("FULL");
        }
        *self = after;
        Ok(sums)
    }

    fn manual_seal(&mut self, now: i64) -> usize {
        let fields = self.open.as_ref().filter(|(_, ends_at, _)| *ends_at > now).map_or(0, |(.., sums)| sums.len());
        if fields > 0 {
            self.seal(now, now);
        }
        fields
    }

    fn get(&self, field: &str) -> i128 {
        let windows = self.open.iter().map(|(.., sums)| sums).chain(self.batches.iter().map(|batch| &batch.sums));
        windows.filter_map(|sums| sums.get(field)).map(|sum| i128::from(*sum)).sum()
    }

    fn claim(&mut self, count: usize, lease: i64, now: i64) -> String {
        self.sweep(now);
        let mut ready: Vec<usize> =
            (0..self.batches.len()).filter(|index| self.batches[*index].state == State::Ready).collect();
        ready.sort_by_key(|index| self.batches[*index].sealed_at);
        let first = (self.last_token + 1).max(now * 1024);
        let mut entries = Vec::new();
        for (token, index) in (first..).zip(ready.into_iter().take(count)) {
            let batch = &mut self.batches[index];
            batch.deliveries += 1;
            batch.state = State::Leased { until: now + lease, token };
            let sums: Vec<String> = batch.sums.iter().map(|(field, sum)| format!("'{field}' {sum}")).collect();
            let (number, opened_at, sealed_at) = (batch.number, batch.opened_at, batch.sealed_at);
            entries.push(format!(
                "[{token} {} {number} {opened_at} {sealed_at} [{}]]",
                batch.deliveries,
                sums.join(" ")
            ));
            self.last_token = token;
        }
        format!("[{}]", entries.join(" "))
    }

    /// The batch whose lease with this token runs.
    fn leased(&self, wanted: i64, now: i64) -> Option<usize> {
        self.batches
            .iter()
            .position(|batch| matches!(batch.state, State::Leased { until, token } if token == wanted && until > now))
    }

    /// Collecting, ready, leased, delayed, dead.
    fn counts(&self, now: i64) -> [i64; 5] {
        let mut swept = self.clone();
        swept.sweep(now);
        let mut counts = [i64::from(swept.open.is_some()), 0, 0, 0, 0];
        for batch in &swept.batches {
            counts[match batch.state {
                State::Ready => 1,
                State::Leased { .. } => 2,
                State::Delayed { .. } => 3,
                State::Dead => 4,
            }] += 1;
        }
        counts
    }
}

struct World {
    model: Model,
    random: Random,
    now: i64,
    c: Client,
    /// Increments that were refused.
    refused: usize,
}

impl World {
    #[track_caller]
    fn at(&mut self, command: &str, expected: &str) {
        let line = format!("TSGEN.AT {} TALLY.{command}", self.now);
        let reply = self.c.run(&line).to_string();
        assert!(matches(expected, &reply, &mut BTreeMap::new()), "{line}\n  expected {expected}\n  got      {reply}");
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

    /// A token of a running lease, if there is any.
    fn a_token(&mut self) -> Option<i64> {
        let running = |batch: &Sealed| match batch.state {
            State::Leased { token, until } if until > self.now => Some(token),
            _ => None,
        };
        let tokens: Vec<i64> = self.model.batches.iter().filter_map(running).collect();
        (!tokens.is_empty()).then(|| *self.random.pick(&tokens))
    }

    #[track_caller]
    fn increment(&mut self) {
        let pairs = self.pairs();
        let told: Vec<String> = pairs.iter().map(|(field, delta)| format!("{field} {delta}")).collect();
        let outcome = self.model.mincr(&pairs, self.now);
        self.refused += usize::from(outcome.is_err());
        let is_single = pairs.len() == 1;
        let command = if is_single { "INCR" } else { "MINCR" };
        let expected = match outcome {
            Err(named) => format!("-…{named}…"),
            Ok(sums) if is_single => sums[0].to_string(),
            Ok(sums) => format!("[{}]", sums.iter().map(i64::to_string).collect::<Vec<_>>().join(" ")),
        };
        self.at(&format!("{command} k {}", told.join(" ")), &expected);
    }

    #[track_caller]
    fn settle(&mut self) {
        let Some(token) = self.a_token() else { return };
        let Some(index) = self.model.leased(token, self.now) else { return };
        let batch = &mut self.model.batches[index];
        let command = match self.random.below(5) {
            0 => {
                let until = self.now + 40;
                batch.state = State::Delayed { until };
                if self.model.max_deliveries > 0 && batch.deliveries >= self.model.max_deliveries {
                    batch.state = State::Dead;
                }
                format!("NACK k {token} DELAY 40")
            }
            1 => {
                batch.state = State::Dead;
                format!("NACK k {token} DEAD")
            }
            2 => {
                batch.state = State::Leased { until: self.now + 70, token };
                format!("EXTEND k 70 {token}")
            }
            _ => {
                self.model.batches.remove(index);
                format!("ACK k {token}")
            }
        };
        self.at(&command, "1");
    }

    #[track_caller]
    fn dead_letters(&mut self) {
        self.model.sweep(self.now);
        let dead = self.model.batches.iter().filter(|batch| batch.state == State::Dead).count();
        if self.random.one_in(3) {
            self.model.batches.retain(|batch| batch.state != State::Dead);
            return self.at("DISCARD k ALL", &dead.to_string());
        }
        for batch in self.model.batches.iter_mut().filter(|batch| batch.state == State::Dead) {
            (batch.state, batch.deliveries) = (State::Ready, 0);
        }
        self.at("REQUEUE k ALL", &dead.to_string());
    }

    #[track_caller]
    fn step(&mut self) {
        match self.random.below(30) {
            0..=11 => self.increment(),
            12..=14 => {
                let (count, lease) = (self.random.between(1, 4) as usize, self.random.between(1, 120));
                let expected = self.model.claim(count, lease, self.now);
                self.at(&format!("CLAIM k w COUNT {count} LEASE {lease}"), &expected);
            }
            15..=19 => self.settle(),
            20 => {
                let fields = self.model.manual_seal(self.now);
                self.at("SEAL k", &fields.to_string());
            }
            21 => self.dead_letters(),
            22 => {
                (self.model.every, self.model.max_fields) =
                    (self.random.between(1, 150), self.random.between(1, 9) as usize);
                self.at(&format!("ALTER k EVERY {} MAXFIELDS {}", self.model.every, self.model.max_fields), "OK");
            }
            23 | 24 => {
                let field = format!("f{}", self.random.below(FIELDS));
                let expected =
                    i64::try_from(self.model.get(&field)).map_or("-…overflow…".to_owned(), |sum| sum.to_string());
                self.at(&format!("GET k {field}"), &expected);
            }
            25 => {
                let [collecting, ready, leased, delayed, dead] = self.model.counts(self.now);
                let counts = format!(
                    "'collecting' {collecting} 'ready' {ready} 'leased' {leased} 'delayed' {delayed} 'dead' {dead}"
                );
                self.at("INFO k", &format!("[…{counts} …]"));
            }
            26 if self.random.one_in(8) => self.now -= self.random.between(1, 200),
            _ => self.now += self.random.between(0, 60),
        }
    }
}

#[test]
fn a_server_does_what_a_list_and_a_loop_would() {
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| now_ms() as u64);
    println!("SEED={seed}");
    let mut server = Server::start(&["--tsgen.virtual-clock", "yes", "--appendonly", "yes", "--appendfsync", "always"]);
    let replica = virtual_clock();
    replica.replica_of(&server);
    let model = Model {
        every: 100,
        max_fields: 5,
        max_len: 12,
        max_deliveries: 3,
        open: None,
        batches: Vec::new(),
        last_number: 0,
        last_token: 0,
    };
    let mut world = World { model, random: Random::new(seed), now: 1_000_000, c: server.client(), refused: 0 };
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
        totals.iter().zip([100, 20, 40, 10]).all(|(total, least)| *total >= least) && world.refused > 20,
        "{totals:?}"
    );
}
