//! One client: it writes, advances, claims, settles, waits for replicas, and notes every call with its times.

mod drain;
mod told;

use crate::harness::{doing, Client, Random, Reply};
use crate::keys::{advanced, counted, taken, written, Key, KEYS, SLACK_MS};
use crate::nodes::Nodes;
use crate::stage::Stage;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tsgen_history::{Act, Answer, Call, Delivery};

const LEASE_MS: i64 = 120;

pub struct Load<'a> {
    stage: &'a Stage,
    client: u32,
    random: Random,
    connection: Option<Client>,
    /// In a cluster, in place of it.
    nodes: Option<Nodes>,
    numbers: u64,
    /// What it holds, by the place of the key.
    held: Vec<(usize, u64)>,
    /// All that it was ever given: RELEASE hands back also what it has forgotten.
    given: Vec<(usize, u64)>,
    pub calls: Vec<Call>,
    /// Its calls from here on were not confirmed by WAIT; those before are, or never will be.
    unconfirmed: usize,
    /// The link is cut before the next reply.
    loses_reply: bool,
    /// As the stage had them when it connected.
    switches: u64,
    /// Replies that nothing explains.
    pub surprises: Vec<String>,
}

impl<'a> Load<'a> {
    pub fn new(stage: &'a Stage, client: u32, seed: u64) -> Self {
        Load {
            stage,
            client,
            random: Random::new(seed.wrapping_mul(1_000).wrapping_add(client.into())),
            connection: None,
            nodes: None,
            numbers: 0,
            held: Vec::new(),
            given: Vec::new(),
            calls: Vec::new(),
            unconfirmed: 0,
            loses_reply: false,
            switches: stage.switches(client),
            surprises: Vec::new(),
        }
    }

    /// The same, in a cluster.
    pub fn among(nodes: Nodes, stage: &'a Stage, client: u32, seed: u64) -> Self {
        Load { nodes: Some(nodes), ..Load::new(stage, client, seed) }
    }

    /// Goes on until the torture is over.
    pub fn run(mut self) -> Self {
        while !self.stage.is_over() {
            self.step();
        }
        self
    }

    fn step(&mut self) {
        let at = self.random.below(KEYS.len() as u64) as usize;
        let key = &KEYS[at];
        self.loses_reply = self.random.one_in(200);
        if self.switches != self.stage.switches(self.client) {
            self.switches = self.stage.switches(self.client);
            self.disconnect();
        }
        match self.random.below(100) {
            0..=34 => {
                self.numbers += 1;
                let watermark = self.stage.watermark.load(Ordering::Relaxed);
                let (line, act) = key.write(self.client, self.numbers, watermark, &mut self.random);
                self.write(key, &line, act);
            }
            35..=44 => {
                let to = self.stage.watermark.fetch_add(1, Ordering::Relaxed) + 1;
                if let Some((line, act)) = key.advance(to, &mut self.random) {
                    self.record(key, &line, act, advanced);
                }
            }
            45..=64 if key.is_claimed() => self.claim(at),
            65..=84 if key.is_claimed() => self.settle(at),
            45..=84 => {}
            85..=92 if self.nodes.is_none() => self.confirm(),
            85..=92 => {}
            93..=96 => std::thread::sleep(Duration::from_millis(self.random.below(8))),
            // A worker that dies: what it held comes back when its leases end.
            97 => self.held.clear(),
            _ => self.disconnect(),
        }
    }

    fn write(&mut self, key: &Key, line: &str, act: Act) {
        match &act {
            Act::Write(units) if units.is_empty() => drop(self.send(line)),
            Act::Take => drop(self.record(key, line, act, taken)),
            Act::Remove(_) => drop(self.record(key, line, act, |reply| counted(reply, 1))),
            _ => drop(self.record(key, line, act, written)),
        }
    }

    fn claim(&mut self, at: usize) {
        let key = &KEYS[at];
        let (name, count) = (key.name, self.random.between(1, 6));
        let acked: Vec<u64> = if self.random.one_in(4) { self.tokens(at, 3) } else { Vec::new() };
        let block = if self.random.one_in(3) { " BLOCK 20" } else { "" };
        let begin = self.calls.len();
        if self.random.one_in(5) && key.tag() == KEYS[0].tag() && acked.is_empty() {
            let other = KEYS[0].name;
            let line = format!("TSGEN.MCLAIM 2 {name} {other} c{} COUNT {count} LEASE {LEASE_MS}{block}", self.client);
            let Some(reply) = self.record(key, &line, Act::Advance(i64::MIN), |_| Answer::Refused) else { return };
            let call = self.calls.pop().expect("just noted");
            for of in items(&reply) {
                let of = of.items();
                let place = Key::place(&of[0].text());
                self.got(place, &of[1], Call { key: KEYS[place].name.to_owned(), ..call.clone() });
            }
            return;
        }
        let tail = list(" ACK", &acked);
        let line = format!("{}.CLAIM {name} c{} COUNT {count} LEASE {LEASE_MS}{block}{tail}", key.family, self.client);
        let reply = self.record(key, &line, Act::Ack(acked.clone()), |reply| match reply {
            Reply::Error(text) if !text.starts_with("UNBLOCKED") => Answer::Refused,
            _ => Answer::Unclear,
        });
        let Some(call) = self.calls.get(begin).cloned() else { return };
        if acked.is_empty() {
            self.calls.pop();
        }
        if let Some(reply) = reply {
            self.got(at, &reply, call);
        }
    }

    /// Notes what a claim brought.
    fn got(&mut self, at: usize, entries: &Reply, call: Call) {
        let deliveries: Vec<Delivery> = items(entries).iter().map(|entry| KEYS[at].delivery(entry)).collect();
        self.surprises.extend(items(entries).iter().filter_map(|entry| KEYS[at].fault(entry)));
        self.held.extend(deliveries.iter().map(|delivery| (at, delivery.token)));
        self.given.extend(deliveries.iter().map(|delivery| (at, delivery.token)));
        let act = Act::Claim { lease_ms: LEASE_MS - SLACK_MS, deliveries };
        self.calls.push(Call { act, answer: Answer::Done, ..call });
    }

    /// Takes tokens that it holds out of its hands, the newest first.
    fn tokens(&mut self, at: usize, most: usize) -> Vec<u64> {
        let mut tokens = Vec::new();
        self.held.retain(|(key, token)| {
            let is_taken = *key == at && tokens.len() < most;
            if is_taken {
                tokens.push(*token);
            }
            !is_taken
        });
        tokens
    }

    fn settle(&mut self, at: usize) {
        let key = &KEYS[at];
        let (family, name) = (key.family, key.name);
        let tokens = self.tokens(at, 4);
        if tokens.is_empty() {
            return;
        }
        let (wanted, listed) = (tokens.len(), list("", &tokens));
        let settled = |reply: &Reply| counted(reply, wanted);
        match self.random.below(12) {
            0 => drop(self.record(
                key,
                &format!("{family}.NACK {name}{listed} DELAY 10"),
                Act::HandBack(tokens),
                settled,
            )),
            1 => {
                let all = self.given.iter().filter(|(key, _)| *key == at).map(|(_, token)| *token).collect();
                let line = format!("{family}.RELEASE {name} c{}", self.client);
                self.record(key, &line, Act::HandBack(all), |_| Answer::Unclear);
            }
            2 => {
                let lease_ms = self.random.between(20, 150);
                let act = Act::Extend { tokens: tokens.clone(), lease_ms: lease_ms - SLACK_MS };
                self.record(key, &format!("{family}.EXTEND {name} {lease_ms}{listed}"), act, settled);
                self.held.extend(tokens.into_iter().map(|token| (at, token)));
            }
            // One who is late, or does it twice.
            3 => self.held.extend(tokens.into_iter().map(|token| (at, token))),
            _ => drop(self.record(key, &format!("{family}.ACK {name}{listed}"), Act::Ack(tokens), settled)),
        }
    }

    /// Whatever this connection has done is on a replica, if WAIT says so.
    fn confirm(&mut self) {
        let Some(reply) = self.send("WAIT 1 100") else { return };
        if matches!(reply, Reply::Int(1..)) {
            let now = self.stage.now();
            self.calls[self.unconfirmed..].iter_mut().for_each(|call| call.replicated = Some(now));
            self.unconfirmed = self.calls.len();
        }
    }

    /// Sends a command and notes it. No reply: the connection is gone.
    fn record(&mut self, key: &Key, line: &str, act: Act, told: impl Fn(&Reply) -> Answer) -> Option<Reply> {
        if self.nodes.is_none() {
            // A connection is no part of what it is first used for.
            self.connect()?;
        }
        let (begin, low) = (self.stage.now(), self.stage.time_of_day());
        let reply = self.send(line);
        let high = self.stage.time_of_day();
        let answer = reply.as_ref().map_or(Answer::Unclear, told);
        self.calls.push(Call {
            client: self.client,
            key: key.name.to_owned(),
            begin,
            end: self.stage.now(),
            clock: (low.min(high), low.max(high)),
            act,
            answer,
            replicated: None,
        });
        if reply.is_none() {
            self.unconfirmed = self.calls.len();
        }
        reply
    }

    fn disconnect(&mut self) {
        self.connection = None;
        if let Some(nodes) = &mut self.nodes {
            nodes.disconnect();
        }
    }

    fn connect(&mut self) -> Option<&mut Client> {
        if self.connection.is_none() {
            self.unconfirmed = self.calls.len();
            self.connection = Client::try_connect(&self.stage.master(self.client)).ok();
            if self.connection.is_none() {
                std::thread::sleep(Duration::from_millis(3));
            }
        }
        self.connection.as_mut()
    }

    pub fn send(&mut self, line: &str) -> Option<Reply> {
        let _at = doing(format!("client {}: {line}", self.client));
        // As if the link had been cut before the reply came.
        let is_cut = std::mem::take(&mut self.loses_reply) && !line.contains("BLOCK");
        let reply = match &mut self.nodes {
            Some(nodes) => nodes.send(line, is_cut),
            None => {
                let client = self.connect()?;
                let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
                client.try_send(&words).and_then(|()| client.try_read()).ok().filter(|_| !is_cut)
            }
        };
        let Some(Reply::Error(text)) = &reply else {
            if reply.is_none() {
                self.connection = None;
            }
            return reply;
        };
        match text.split(' ').next().unwrap_or_default() {
            // The master is elsewhere, or still loading.
            "READONLY" | "LOADING" | "MASTERDOWN" | "UNBLOCKED" => self.disconnect(),
            "OOM" | "FULL" | "LATE" => {}
            "CLUSTERDOWN" | "TRYAGAIN" | "MOVED" | "ASK" if self.nodes.is_some() => {
                std::thread::sleep(Duration::from_millis(3));
            }
            _ if line.starts_with("WAIT") => self.connection = None,
            _ => self.surprises.push(format!("{line}: {text}")),
        }
        reply
    }
}

fn list(before: &str, tokens: &[u64]) -> String {
    if tokens.is_empty() {
        return String::new();
    }
    let tokens: Vec<String> = tokens.iter().map(u64::to_string).collect();
    format!("{before} {}", tokens.join(" "))
}

/// The elements of an array; a claim that was refused has none.
fn items(reply: &Reply) -> &[Reply] {
    match reply {
        Reply::Array(items) => items,
        _ => &[],
    }
}
