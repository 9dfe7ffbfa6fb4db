//! A server on which a scene is played, and who watches it.

use super::Scene;
use crate::harness::pipe::{Pipe, Requests};
use crate::harness::probe::Probe;
use crate::harness::sched::Longest;
use crate::harness::{Client, Clock, Server, PATIENCE};
use std::time::{Duration, Instant};

/// Requests in one write.
const PER_WRITE: usize = 500;
/// How long somebody waits who asks again and again.
const PAUSE: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Side {
    /// With the module.
    Ours,
    /// A plain server, on which the scene does the like with what Redis has.
    Theirs,
}

/// What was seen of a scene.
#[derive(Clone, Copy)]
pub struct Seen {
    /// The longest PING while it was watched, in ms.
    pub ping: Longest,
    /// The most memory the server ever had, in bytes.
    pub peak: f64,
    /// How much more that is than when it was first watched.
    pub taken: f64,
}

pub struct Stage {
    pub side: Side,
    pub size: usize,
    pub clock: Clock,
    pub server: Server,
    pub client: Client,
    pub pipe: Pipe,
    longest: Longest,
    /// Bytes in use when it was first watched.
    before: Option<f64>,
}

/// Plays a scene on a server of its own.
pub fn play(scene: &Scene, side: Side, size: usize) -> Seen {
    let clock = Clock::new();
    let server = start(side, &clock);
    let (client, pipe) = (server.client(), Pipe::to(&server));
    let mut stage = Stage { side, size, clock, server, client, pipe, longest: Longest::default(), before: None };
    (scene.play)(&mut stage);
    let peak = stage.memory("used_memory_peak");
    Seen { ping: stage.longest, peak, taken: peak - stage.before.expect("it is watched") }
}

fn start(side: Side, clock: &Clock) -> Server {
    // A long script shall keep a PING waiting, not have it refused.
    let config = ["--busy-reply-threshold", "600000"];
    match side {
        Side::Ours => Server::start_under(clock, &config),
        Side::Theirs => Server::plain_under(clock, &config),
    }
}

impl Stage {
    pub fn is_ours(&self) -> bool {
        self.side == Side::Ours
    }

    /// One more server of the same kind, under the same clock.
    pub fn another(&self) -> Server {
        start(self.side, &self.clock)
    }

    /// Sends `count` requests in many writes.
    pub fn many(&mut self, count: usize, mut request: impl FnMut(&mut Requests, usize)) {
        let mut requests = Requests::default();
        for n in 0..count {
            request(&mut requests, n);
            if requests.count >= PER_WRITE {
                self.pipe.run(&mut requests);
            }
        }
        self.pipe.run(&mut requests);
    }

    /// One command of very many arguments.
    pub fn large(&mut self, words: &[&str], count: usize, mut argument: impl FnMut(usize) -> String) -> Vec<u8> {
        let mut requests = Requests::default();
        requests.begin(words.len() + count);
        words.iter().for_each(|word| requests.arg(word.as_bytes()));
        (0..count).for_each(|n| requests.arg(argument(n).as_bytes()));
        self.pipe.send(&mut requests);
        self.pipe.read().to_vec()
    }

    /// One command, as in redis-cli, over the fast connection: its reply is not taken apart.
    pub fn fast(&mut self, line: &str) -> Vec<u8> {
        let mut requests = Requests::default();
        requests.push(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
        self.pipe.send(&mut requests);
        self.pipe.read().to_vec()
    }

    /// What of the scene counts: for how long a PING waits meanwhile.
    pub fn watch(&mut self, act: impl FnOnce(&mut Self)) {
        let before = self.memory("used_memory");
        self.before.get_or_insert(before);
        let probe = Probe::start(&self.server);
        // It pings now.
        probe.take();
        act(self);
        self.longest = self.longest.or(probe.take());
    }

    /// Bytes that the server says it uses, or did.
    pub fn memory(&self, what: &str) -> f64 {
        self.server.client().info("memory", what).parse().expect("bytes")
    }

    /// Asks again and again until it is so.
    pub fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + PATIENCE * 3;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "gave up waiting until {what}");
            std::thread::sleep(PAUSE);
        }
    }

    /// Asks the plain server some times, at the pace at which [`Stage::until`] asks ours, where it has nothing to wait for.
    pub fn ask(&mut self, commands: &[&str]) {
        for _ in 0..20 {
            commands.iter().for_each(|command| drop(self.client.ok(command)));
            std::thread::sleep(PAUSE);
        }
    }

    /// Lets time pass up to this time of day, however long the scene took so far: what comes due a while after it was made, and not before
    /// the scene is watched, needs no guess at how fast the machine is.
    pub fn pass_to(&mut self, ms: i64) {
        self.clock.pass_to(ms);
    }

    /// A number in the INFO of a key of ours.
    pub fn stat(&mut self, command: &str, field: &str) -> i64 {
        self.client.ok(command).field(field).int()
    }
}
