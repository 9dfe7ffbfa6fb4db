//! How long one command, or one tick of the timer, keeps everybody else waiting when one key holds ten million elements.
//!
//! Evidence is the server's own: commandstats for single commands, the highest percentile of latencystats while the key
//! grows (see `growth`). A PING beside them (see `probe`) sees what no command statistics show: ticks of the timer, and what the
//! freeing of memory in the background does to the main thread. All of these are wall-clock times; where the kernel ran
//! something else meanwhile, that is taken off, and the uncorrected number noted below (see `sched`).

use crate::gauge;
use crate::growth;
use crate::harness::{wait_until, Client, Reply};
use crate::load::{Store, END, KEY, START};
use crate::probe::Probe;
use crate::scale::Scale;
use crate::sched::{self, Longest, Thread};
use crate::table::{Table, Unit};
use std::thread;
use std::time::Duration;

const LIMIT_MS: f64 = 5.0;
/// The most that one CLAIM hands out.
const CLAIM: usize = 10_000;

pub fn measure(scale: &Scale, table: &mut Table) {
    let count = scale.stall_elements;
    table.section(
        "stalls",
        &format!("stalls at {count} elements in one key, random timestamps (theirs: a sorted set of the ids)"),
    );
    let (server, theirs) = growth::twice(Store::SortedSet, count);
    let theirs_del = timed(&mut server.client(), &Thread::of(&server), &format!("DEL {KEY}"));
    drop(server);
    let (server, ours) = growth::twice(Store::Tsgen, count);
    let what = "filling by ADD and by MADD of 100: the slowest command";
    table.limit(what, ours.command, Some(theirs.command), Unit::Milliseconds, Some(LIMIT_MS));
    let mut stall = Stall { client: server.client(), thread: Thread::of(&server), probe: Probe::start(&server), table };
    stall.limit("filling: the longest PING", ours.ping, Some(theirs.ping.own));
    stall.single_commands();
    let pings = stall.probe.take();
    stall.limit("all these commands: the longest PING", pings, None);
    stall.sink(count / 50);
    stall.removal(theirs_del);
}

struct Stall<'a> {
    client: Client,
    /// The server's main thread.
    thread: Thread,
    probe: Probe,
    table: &'a mut Table,
}

impl Stall<'_> {
    fn single_commands(&mut self) {
        let advance = format!("TSGEN.ADVANCE {KEY} {END}");
        self.single("ADVANCE releasing all", &advance);
        self.single("INFO", &format!("TSGEN.INFO {KEY}"));
        self.single("ALTER WATERMARK, all back to waiting", &format!("TSGEN.ALTER {KEY} WATERMARK {}", START - 1));
        self.client.ok(&advance);
        self.single("RANGE COUNT 10000", &format!("TSGEN.RANGE {KEY} - + COUNT {CLAIM}"));

        let claimed = self.claims("CLAIM COUNT 10000, the slowest of 5", 5, "acker LEASE 600000");
        let range = |claim: usize| format!("{}-{}", claimed[claim].0, claimed[claim].1);
        let (first, last) = claimed[0];
        let listed: Vec<String> = (first..first + 1000).map(|token| token.to_string()).collect();
        self.single("ACK of 1000 listed tokens", &format!("TSGEN.ACK {KEY} {}", listed.join(" ")));
        self.single("ACK of a range of 9000", &format!("TSGEN.ACK {KEY} {}-{last}", first + 1000));
        self.single("NACK of a range of 10000", &format!("TSGEN.NACK {KEY} {}", range(1)));
        // One command takes no more than 10000 tokens, however they are named.
        let third = |claim: usize| format!("{}-{}", claimed[claim].0, claimed[claim].0 + 3332);
        let thirds = [third(2), third(3), third(4)].join(" ");
        self.single("ACK of three ranges of 3333", &format!("TSGEN.ACK {KEY} {thirds}"));
        (2..=4).for_each(|claim| drop(self.client.ok(&format!("TSGEN.ACK {KEY} {}", range(claim)))));

        self.claims("CLAIM COUNT 10000, the slowest of 10 more", 10, "crashed LEASE 600000");
        self.single("PENDING COUNT 10000", &format!("TSGEN.PENDING {KEY} COUNT {CLAIM}"));
        self.single("RELEASE of a consumer with 100000 leases", &format!("TSGEN.RELEASE {KEY} crashed"));
        self.release("crashed");
        self.claims("CLAIM COUNT 10000 LEASE 1, the slowest of 10, leases ending", 10, "slow LEASE 1");
        thread::sleep(Duration::from_millis(5));
        self.single("CLAIM of one after up to 100000 leases have ended", &format!("TSGEN.CLAIM {KEY} next"));
        // A sink is refused while anything is leased.
        self.release("slow");
        self.release("next");
    }

    /// One command may leave some.
    fn release(&mut self, consumer: &str) {
        while self.client.ok(&format!("TSGEN.RELEASE {KEY} {consumer}")).int() > 0 {}
    }

    /// The timer moves ready elements into a stream, tick by tick.
    fn sink(&mut self, entries: usize) {
        self.client.ok(&format!("TSGEN.ALTER {KEY} SINK bench:sink"));
        let client = &mut self.client;
        wait_until("the sink is fed", || client.ok("XLEN bench:sink").int() >= entries as i64);
        let pings = self.probe.take();
        self.client.ok(&format!("TSGEN.ALTER {KEY} SINK \"\""));
        self.limit(&format!("feeding {entries} entries to a sink: the longest PING"), pings, None);
        self.client.ok("UNLINK bench:sink");
    }

    fn removal(&mut self, del_theirs: Longest) {
        let copy = timed(&mut self.client, &self.thread, &format!("COPY {KEY} bench:copy"));
        let what = "COPY (takes as long as the key is large, as in Redis itself)";
        self.table.limit(what, copy.own, None, Unit::Milliseconds, None);
        self.removed("DEL", &format!("DEL {KEY}"), Some(del_theirs.own));
        self.client.ok(&format!("COPY bench:copy {KEY}"));
        self.removed("UNLINK", &format!("UNLINK {KEY}"), None);
        self.removed("FLUSHALL SYNC", "FLUSHALL SYNC", None);
    }

    /// Times a command that drops a whole key, and watches until its memory is back.
    fn removed(&mut self, what: &str, command: &str, theirs: Option<f64>) {
        // Or FLUSHALL SYNC would hand back to the kernel what was freed before it, which takes Redis 100 ms for 1 GB.
        self.client.ok("MEMORY PURGE");
        self.probe.take();
        let memory = gauge::used_memory(&mut self.client);
        let keys = self.client.ok("DBSIZE").int() as f64;
        let span = timed(&mut self.client, &self.thread, command);
        self.limit(what, span, theirs);
        let client = &mut self.client;
        wait_until("the memory is back", || gauge::used_memory(client) < memory * (1.0 - 0.8 / keys));
        let pings = self.probe.take();
        self.limit(&format!("{what} and until the memory is back: the longest PING"), pings, None);
    }

    /// One command.
    fn single(&mut self, what: &str, command: &str) {
        let span = timed(&mut self.client, &self.thread, command);
        self.limit(what, span, None);
    }

    /// Claims of the largest COUNT; the first and the last token of each.
    fn claims(&mut self, what: &str, times: usize, consumer_and_lease: &str) -> Vec<(i64, i64)> {
        let command = format!("TSGEN.CLAIM {KEY} {consumer_and_lease} COUNT {CLAIM}");
        let mut longest = Longest::default();
        let mut tokens = Vec::new();
        for _ in 0..times {
            let (span, reply) = timed_reply(&mut self.client, &self.thread, &command);
            longest = longest.or(span);
            let entries = reply.items();
            assert_eq!(entries.len(), CLAIM, "{command} did not hand out everything asked for");
            let token = |index: usize| entries[index].items()[0].int();
            tokens.push((token(0), token(CLAIM - 1)));
        }
        self.limit(what, longest, None);
        tokens
    }

    fn limit(&mut self, what: &str, span: Longest, theirs: Option<f64>) {
        self.table.limit(what, span.own, theirs, Unit::Milliseconds, Some(LIMIT_MS));
        if span.wall > span.own + 0.5 {
            self.table.note(&format!("{:.2} ms with the time the kernel ran something else", span.wall));
        }
    }
}

fn timed(client: &mut Client, thread: &Thread, command: &str) -> Longest {
    timed_reply(client, thread, command).0
}

/// Runs one command; the time it took in the server.
fn timed_reply(client: &mut Client, thread: &Thread, command: &str) -> (Longest, Reply) {
    let name = command.split(' ').next().expect("a command");
    gauge::reset_in_command(client);
    let mut reply = Reply::Nil;
    let times = sched::during(thread, || reply = client.ok(command));
    let wall = gauge::in_command_us(client, &[name]) / 1000.0;
    (Longest { wall, own: times.own_of(wall) }, reply)
}
